package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// root is the folder of the module, seen from this package.
const root = "../.."

// maxColumns is the width of a line in Markdown. Tables and code may be wider, because they cannot be wrapped.
const maxColumns = 120

func TestDocs_linksResolve(t *testing.T) {
	pages := readPages(t)
	links := 0
	for path, p := range pages {
		for _, link := range p.links {
			links++
			if wrong := checkLink(pages, path, link); wrong != "" {
				t.Errorf("%s links to %s: %s", path, link, wrong)
			}
		}
	}
	if len(pages) < 10 || links < 50 {
		t.Errorf("found %d pages with %d links, want all of the project's", len(pages), links)
	}
}

func TestDocs_linesAreNarrow(t *testing.T) {
	for path, p := range readPages(t) {
		for _, number := range p.wide {
			t.Errorf("%s:%d is wider than %d columns", path, number, maxColumns)
		}
	}
}

// Comments and messages name pages of docs. Such a page must exist, and so must the heading behind a "#".
func TestDocs_codeNamesExistingPages(t *testing.T) {
	pages := readPages(t)
	named := regexp.MustCompile(`\bdocs/[\w/-]+\.md(#[\w-]+)?`)
	walk(t, func(path string) {
		if !slices.Contains([]string{".go", ".py", ".yml", ".yaml", ".sh", ".toml"}, filepath.Ext(path)) &&
			!slices.Contains([]string{"Makefile", "Dockerfile", "run"}, filepath.Base(path)) {
			return
		}
		for _, name := range named.FindAllString(read(t, path), -1) {
			if wrong := checkLink(pages, "README.md", name); wrong != "" {
				t.Errorf("%s names %s: %s", path, name, wrong)
			}
		}
	})
}

func TestCheckLink(t *testing.T) {
	pages := map[string]mdPage{
		"README.md":  parse("# A\n"),
		"guide/a.md": parse("# One, two\n\n```sh\n# not a heading\n```\n\n## `GET /{x}`\n\n## One, two\n"),
	}
	tests := map[string]struct{ from, link, want string }{
		"file":            {"README.md", "guide/a.md", ""},
		"heading":         {"README.md", "guide/a.md#one-two", ""},
		"second of a kin": {"README.md", "guide/a.md#one-two-1", ""},
		"code":            {"README.md", "guide/a.md#get-x", ""},
		"same page":       {"guide/a.md", "#get-x", ""},
		"up":              {"guide/a.md", "../README.md#a", ""},
		"no file":         {"README.md", "guide/b.md", "the file does not exist"},
		"no heading":      {"guide/a.md", "#three", "the page has no such heading"},
		"code block":      {"guide/a.md", "#not-a-heading", "the page has no such heading"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := checkLink(pages, test.from, test.link); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// mdPage is what the tests need of a Markdown file.
type mdPage struct {
	links   []string // relative ones, with their anchor
	anchors map[string]bool
	wide    []int // numbers of the lines that are too wide
}

var (
	heading    = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	inlineCode = regexp.MustCompile("`[^`]*`")
	linkTarget = regexp.MustCompile(`\]\(([^()\s]+)\)|\b(?:src|href)="([^"]+)"`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// parse reads a page. It knows as much of Markdown as the pages of this project use.
func parse(text string) mdPage {
	p := mdPage{anchors: map[string]bool{}}
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			p.addAnchor(m[1])
		}
		if utf8.RuneCountInString(line) > maxColumns && !strings.HasPrefix(line, "|") {
			p.wide = append(p.wide, i+1)
		}
		for _, m := range linkTarget.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, "``"), -1) {
			if target := m[1] + m[2]; !strings.Contains(target, ":") {
				p.links = append(p.links, target)
			}
		}
	}
	return p
}

// addAnchor adds the name that GitHub gives to a heading: lower case, without punctuation, with dashes for blanks, and
// with a number when an earlier heading has the same name.
func (p mdPage) addAnchor(title string) {
	title = linkText.ReplaceAllString(title, "$1")
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
	anchor := name
	for n := 1; p.anchors[anchor]; n++ {
		anchor = fmt.Sprintf("%s-%d", name, n)
	}
	p.anchors[anchor] = true
}

// checkLink says why a link does not resolve; empty when it does.
func checkLink(pages map[string]mdPage, from, link string) string {
	file, anchor, _ := strings.Cut(link, "#")
	path := from
	if file != "" {
		path = filepath.Join(filepath.Dir(from), file)
	}
	target, isPage := pages[path]
	if !isPage {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			return "the file does not exist"
		}
		if info.IsDir() {
			target = pages[filepath.Join(path, "README.md")]
		}
	}
	if anchor != "" && !target.anchors[anchor] {
		return "the page has no such heading"
	}
	return ""
}

// readPages parses every Markdown file of the project by its path from the root.
func readPages(t *testing.T) map[string]mdPage {
	t.Helper()
	pages := map[string]mdPage{}
	walk(t, func(path string) {
		if filepath.Ext(path) == ".md" {
			pages[path] = parse(read(t, path))
		}
	})
	return pages
}

// walk visits the files of the project. It skips hidden folders and what a build leaves behind.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			if err == nil && entry.Type().IsRegular() {
				visit(path)
			}
			return err
		}
		name := entry.Name()
		if path != "." && strings.HasPrefix(name, ".") && name != ".ci" && name != ".github" || path == "bin" {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
