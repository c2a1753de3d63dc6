// Package archtest checks which package may import which: imports only go down. Each package is a room of the house,
// with a floor and with lists of what it may import, from Iris and from other modules. docs/architecture.md shows the
// rooms as a picture. The rule is a test and not the setting of a linter, because a failure should explain it to a
// newcomer.
package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// module starts the path of every package of Iris.
const module = "iris/"

// source is a Go file that is not a test, with its imports.
type source struct {
	pkg     string // import path of its package
	file    string // base name
	imports []string
}

// check returns the violations of a file, one sentence each.
func check(rooms []room, f source) []string {
	at := find(rooms, strings.TrimPrefix(f.pkg, module))
	if at == nil {
		return []string{fmt.Sprintf("%s has no floor: add a line to rooms in internal/archtest", f.pkg)}
	}
	var wrong []string
	for _, path := range f.imports {
		var reason string
		if inside, ok := strings.CutPrefix(path, module); ok {
			reason = checkInside(rooms, *at, inside)
		} else if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			reason = checkOutside(*at, f.file, path)
		}
		if reason != "" {
			wrong = append(wrong, fmt.Sprintf("%s/%s imports %s: %s", f.pkg, f.file, path, reason))
		}
	}
	return wrong
}

// checkInside returns why a room may not import a package of Iris, or "" if it may.
func checkInside(rooms []room, at room, path string) string {
	if !slices.Contains(at.iris, path) {
		return fmt.Sprintf("of Iris, %s may import only %s", at.path, list(at.iris))
	}
	to := find(rooms, path)
	switch {
	case to == nil || at.floor == outside || to.floor == outside || to.floor < at.floor:
	case to.floor > at.floor:
		return fmt.Sprintf("imports only go down, but this one goes from floor %d to floor %d", at.floor, to.floor)
	case index(rooms, to.path) >= index(rooms, at.path):
		return fmt.Sprintf("both are on floor %d, where a room may import only rooms listed before it", at.floor)
	}
	return ""
}

// checkOutside returns why a file may not import a package of another module, or "" if it may.
func checkOutside(at room, file, path string) string {
	if within(path, golearn) && file != golearnFile {
		return "only model/" + golearnFile + " may import golearn"
	}
	if !slices.ContainsFunc(at.lib, func(prefix string) bool { return within(path, prefix) }) {
		return fmt.Sprintf("of other modules, %s may import only %s", at.path, list(at.lib))
	}
	return ""
}

// find returns the room of a package, or nil.
func find(rooms []room, pkg string) *room {
	for i, r := range rooms {
		tree, isTree := strings.CutSuffix(r.path, "/...")
		if pkg == tree || isTree && strings.HasPrefix(pkg, tree+"/") {
			return &rooms[i]
		}
	}
	return nil
}

// index returns the position of a room.
func index(rooms []room, path string) int {
	return slices.IndexFunc(rooms, func(r room) bool { return r.path == path })
}

// within reports whether an import path is prefix or below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

// list joins names for a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
