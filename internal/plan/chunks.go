package plan

import (
	"bytes"
	"encoding/json"
	"runtime"
	"sync"
)

const (
	// chunkLines is how many lines are encoded at a time, some 150 KB.
	chunkLines = 256
	// mostChunks bounds how many chunks are encoded side by side: what takes their
	// text, hashes it and packs it keeps up with no more.
	mostChunks = 4
)

// inChunks encodes n lines and hands their text to write, in order, as whole
// lines. line(i) makes one; where they fill more than one chunk, several
// goroutines call it and the text of mostChunks chunks is held. None is at work
// when inChunks returns, with the first error of encoding or write.
func inChunks(n int, line func(i int) any, write func(lines []byte) error) error {
	count := (n + chunkLines - 1) / chunkLines
	side := min(count, mostChunks, runtime.GOMAXPROCS(0))
	var encoding sync.WaitGroup
	defer encoding.Wait()
	begin := encoding.Go
	if side == 1 {
		begin = func(encode func()) { encode() }
	}
	chunks := make([]*chunk, side)
	encode := func(c int) {
		begin(func() { chunks[c%side].encode(c*chunkLines, min(n, (c+1)*chunkLines), line) })
	}
	for c := range side {
		chunks[c] = spareChunks.Get().(*chunk)
		encode(c)
	}
	for c := range count {
		at := chunks[c%side]
		err := <-at.done
		if err == nil {
			err = write(at.text.Bytes())
		}
		if err != nil {
			return err
		}
		if c+side < count {
			encode(c + side)
		} else {
			spareChunks.Put(at)
		}
	}
	return nil
}

// chunk is lines that are encoded together. It is used again, because its text
// is large.
type chunk struct {
	text bytes.Buffer
	json *json.Encoder
	done chan error // told once for each encode
}

var spareChunks = sync.Pool{New: func() any {
	c := &chunk{done: make(chan error, 1)}
	c.json = json.NewEncoder(&c.text)
	c.json.SetEscapeHTML(false)
	return c
}}

func (c *chunk) encode(from, to int, line func(int) any) {
	c.text.Reset()
	var err error
	for i := from; i < to && err == nil; i++ {
		err = c.json.Encode(line(i))
	}
	c.done <- err
}
