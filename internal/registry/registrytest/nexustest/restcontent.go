package nexustest

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
)

// listed is the repository that a listing asks for, checked in Nexus's order:
// named at all, known, visible.
func (s *Server) listed(c *call) *repo {
	query := c.URL.Query()
	if !query.Has("repository") {
		c.fault(http.StatusUnprocessableEntity)
		return nil
	}
	return s.visible(c, query.Get("repository"))
}

func (s *Server) visible(c *call, name string) *repo {
	r := s.repoNamed(name)
	switch {
	case r == nil:
		c.fault(http.StatusNotFound)
	case !c.who.sees(r):
		c.refuse(true)
	default:
		return r
	}
	return nil
}

// page answers one page of rows. The token names the last row and is null
// exactly when the page is short, so that a full last page is followed by an
// empty one. rows are ascending; group members are merged by number.
func page[R row](c *call, r *repo, rowsOf func(*repo) []R, show func(R) object) {
	v := c.s.rel
	start := 0
	if token := c.URL.Query().Get("continuationToken"); token != "" {
		n, err := v.reveal(token)
		if err != nil {
			c.fault(http.StatusUnprocessableEntity)
			return
		}
		start = n
	}
	size := v.pageSize()
	var rows []R
	holders := c.s.holders(r)
	for _, holder := range holders {
		more := after(rowsOf(holder), start)
		rows = append(rows, more[:min(size, len(more))]...)
	}
	if len(holders) > 1 {
		slices.SortStableFunc(rows, func(a, b R) int { return cmp.Compare(a.number(), b.number()) })
	}
	rows = rows[:min(size, len(rows))]
	items := make(array, len(rows))
	for i, shown := range rows {
		items[i] = show(shown)
	}
	var token any
	if len(rows) == size {
		token = v.externalID(rows[size-1])
	}
	c.json(http.StatusOK, object{{"items", items}, {"continuationToken", token}})
}

func (s *Server) listComponents(c *call) {
	if r := s.listed(c); r != nil {
		page(c, r, func(r *repo) []*component { return r.components },
			func(found *component) object { return c.componentXO(r, found, false) })
	}
}

// listAssets hides what a content selector refuses. Nexus fills the page up
// with what follows; so does this, by filtering first.
func (s *Server) listAssets(c *call) {
	if r := s.listed(c); r != nil {
		page(c, r, func(r *repo) []*asset {
			if c.who.paths == nil {
				return r.assets
			}
			return slices.DeleteFunc(slices.Clone(r.assets), func(a *asset) bool { return !c.who.selects(a) })
		}, func(found *asset) object { return c.assetXO(r, found, false) })
	}
}

// locate finds the row that an item id names. Ids are looked up by row number
// alone, so an id with a group's name finds the member's row.
func locate[R row](c *call, rowsOf func(*repo) []R) (r *repo, found R, ok bool) {
	name, external, err := splitItemID(c.PathValue("id"))
	switch {
	case errors.Is(err, errNotBase64):
		c.fault(http.StatusNotFound)
		return nil, found, false
	case err != nil:
		c.fault(http.StatusUnprocessableEntity)
		return nil, found, false
	}
	if r = c.s.visible(c, name); r == nil {
		return nil, found, false
	}
	number, err := c.s.rel.reveal(external)
	if err != nil {
		c.fault(http.StatusUnprocessableEntity)
		return nil, found, false
	}
	for _, holder := range c.s.holders(r) {
		rows := rowsOf(holder)
		if i, there := position(rows, number); there {
			return r, rows[i], true
		}
	}
	c.fault(http.StatusNotFound)
	return nil, found, false
}

func componentsOf(r *repo) []*component { return r.components }
func assetsOf(r *repo) []*asset         { return r.assets }

func (s *Server) oneComponent(c *call) {
	if r, found, ok := locate(c, componentsOf); ok {
		c.json(http.StatusOK, c.componentXO(r, found, false))
	}
}

func (s *Server) oneAsset(c *call) {
	r, found, ok := locate(c, assetsOf)
	switch {
	case !ok:
	case !c.who.selects(found):
		c.fault(http.StatusNotFound)
	default:
		c.json(http.StatusOK, c.assetXO(r, found, false))
	}
}

// deleteComponent needs delete on the path of every asset.
func (s *Server) deleteComponent(c *call) {
	r, found, ok := locate(c, componentsOf)
	if !ok {
		return
	}
	if !c.who.may(r, "delete") || slices.ContainsFunc(found.assets, func(a *asset) bool { return !c.who.selects(a) }) {
		c.refuse(true)
		return
	}
	s.removeComponent(s.holderOf(r, found), found, c.now)
	c.empty(http.StatusNoContent)
}

// holderOf is the repository whose table has that component.
func (s *Server) holderOf(r *repo, found *component) *repo {
	for _, holder := range s.holders(r) {
		if i, there := position(holder.components, found.id); there && holder.components[i] == found {
			return holder
		}
	}
	return r
}

func (s *Server) deleteAsset(c *call) {
	r, found, ok := locate(c, assetsOf)
	switch {
	case !ok:
	case !c.who.may(r, "delete") || !c.who.selects(found):
		c.refuse(true)
	default:
		s.removeAsset(found, c.now)
		c.empty(http.StatusNoContent)
	}
}
