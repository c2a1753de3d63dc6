package archtest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the picture of the rooms into docs/architecture.md")

// The picture in the docs shows the rule that the tests check.
func TestPicture_isTheOneInTheDocs(t *testing.T) {
	const page, fence = "docs/architecture.md", "```\n"
	before, rest, found := strings.Cut(read(t, page), "\n## Imports go down\n")
	start, rest, opened := strings.Cut(rest, fence)
	got, after, closed := strings.Cut(rest, fence)
	if !found || !opened || !closed {
		t.Fatalf("%s has no code block below the heading \"Imports go down\"", page)
	}
	want := picture(rooms())
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the picture in %s differs from rooms(): run `go test ./internal/archtest -update`, or paste\n%s",
			page, want)
	}
	text := before + "\n## Imports go down\n" + start + fence + want + fence + after
	if err := os.WriteFile(filepath.Join(root, page), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPicture(t *testing.T) {
	house := []room{
		{path: "internal/cellar", floor: 0},
		{path: "internal/boiler", floor: 0},
		{path: "hall", floor: 1, iris: []string{"internal/cellar"}},
		{path: "hall/stairs", floor: 1},
		{path: "kitchen", floor: 1, iris: []string{"internal/boiler", "internal/cellar", "hall", "shed"}},
		{path: "attic", floor: 2, iris: []string{"kitchen", "hall/stairs", "hall"}},
		{path: "shed", floor: outside, iris: []string{"attic"}},
	}
	want := `2 attic → hall hall/stairs kitchen
1 kitchen → hall boiler cellar
  hall → cellar
  hall/stairs
0 boiler cellar
`
	if got := picture(house); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWrap(t *testing.T) {
	words := strings.Fields(strings.Repeat("word ", 30))
	for _, line := range strings.Split(strings.TrimSuffix(wrap("3", "room →", words), "\n"), "\n") {
		if n := len([]rune(line)); n > pictureWidth || !strings.HasPrefix(line, "3 ") && !strings.HasPrefix(line, "     w") {
			t.Errorf("the line %q has %d columns, want at most %d and an indent", line, n, pictureWidth)
		}
	}
}
