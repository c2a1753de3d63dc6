package archtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// pictureWidth bounds the lines of the picture.
const pictureWidth = 100

// picture draws the rooms for docs/architecture.md, from the highest floor down to the lowest. On one floor, a room is
// above the rooms that it may import. It leaves out the rooms beside the house, and "internal/" at the start of a name.
func picture(rooms []room) string {
	var b strings.Builder
	floors := map[int][]room{}
	highest := 0
	for _, r := range rooms {
		floors[r.floor] = append(floors[r.floor], r)
		highest = max(highest, r.floor)
	}
	for floor := highest; floor >= 0; floor-- {
		number := fmt.Sprint(floor)
		var leaves []string
		for _, r := range slices.Backward(floors[floor]) {
			imports := inPicture(rooms, r.iris)
			if len(imports) == 0 {
				leaves = append(leaves, shortName(r.path))
				continue
			}
			b.WriteString(wrap(number, shortName(r.path)+" →", imports))
			number = ""
		}
		if len(leaves) > 0 {
			slices.Sort(leaves)
			b.WriteString(wrap(number, leaves[0], leaves[1:]))
		}
	}
	return b.String()
}

// inPicture returns the short names of packages that have a floor, highest floor first.
func inPicture(rooms []room, paths []string) []string {
	var drawn []room
	for _, path := range paths {
		if r := find(rooms, path); r != nil && r.floor != outside {
			drawn = append(drawn, *r)
		}
	}
	slices.SortFunc(drawn, func(a, b room) int {
		return cmp.Or(cmp.Compare(b.floor, a.floor), strings.Compare(shortName(a.path), shortName(b.path)))
	})
	var names []string
	for _, r := range drawn {
		names = append(names, shortName(r.path))
	}
	return names
}

func shortName(path string) string { return strings.TrimPrefix(path, "internal/") }

// wrap writes a floor's number and words, on several lines if needed.
func wrap(number, first string, words []string) string {
	var b strings.Builder
	line := fmt.Sprintf("%-2s%s", number, first)
	for _, word := range words {
		if len([]rune(line))+1+len(word) > pictureWidth {
			b.WriteString(line + "\n")
			line = "     " + word
			continue
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
