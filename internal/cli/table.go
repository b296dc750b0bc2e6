package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// grid is a table without lines whose last column takes the room that is left
// and breaks into lines, where the output is a terminal.
type grid struct {
	t      *terminal
	indent string
	titles []string
	rows   [][]string
	right  map[string]bool
}

// newTable starts a table. Columns titled age, size and the like stand right.
func newTable(t *terminal, indent string, titles ...string) *grid {
	return &grid{t: t, indent: indent, titles: titles, right: map[string]bool{
		"age": true, "size": true, "tags": true, "bytes": true, "removed": true, "images": true,
	}}
}

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

// mostName is the widest that a first column may be on a terminal, leastColumn
// the narrowest that text may be broken to.
const (
	mostName    = 48
	leastColumn = 12
)

func (g *grid) write(w io.Writer) {
	if len(g.rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Box:     table.BoxStyle{PaddingLeft: "", PaddingRight: "  ", UnfinishedRow: ""},
		Options: table.Options{},
		Format:  table.FormatOptions{Header: text.FormatDefault},
	})
	header := table.Row{}
	for _, title := range g.titles {
		header = append(header, g.t.paint.faint(title))
	}
	t.AppendHeader(header)
	widths := make([]int, len(g.titles))
	for i, title := range g.titles {
		widths[i] = len(title)
	}
	for _, cells := range g.rows {
		row := table.Row{}
		for i, cell := range cells {
			row = append(row, cell)
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(cell))
		}
		t.AppendRow(row)
	}
	t.SetColumnConfigs(g.columns(widths))
	for line := range strings.SplitSeq(t.Render(), "\n") {
		fmt.Fprintln(w, strings.TrimRight(g.indent+line, " "))
	}
}

// columns shares the width of the terminal: the columns in the middle get what
// they need, the first one at most half of the rest, the last one what is left.
func (g *grid) columns(widths []int) []table.ColumnConfig {
	last := len(g.titles) - 1
	middle := len(g.indent) + 2*last + 1
	for i := 1; i < last; i++ {
		middle += widths[i]
	}
	rest := max(g.t.outWidth-middle, 2*leastColumn)
	first := min(widths[0], max(leastColumn, min(mostName, rest/2)))
	var configs []table.ColumnConfig
	for i, title := range g.titles {
		config := table.ColumnConfig{Number: i + 1}
		if g.right[title] {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		switch {
		case g.t.outWidth == 0 || last == 0:
		case i == 0:
			config.WidthMax, config.WidthMaxEnforcer = first, text.WrapHard
		case i == last:
			config.WidthMax, config.WidthMaxEnforcer = rest-first, text.WrapSoft
		}
		configs = append(configs, config)
	}
	return configs
}
