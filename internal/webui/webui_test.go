package webui_test

import (
	"regexp"
	"strings"
	"testing"

	"iris/internal/webui"
)

func TestFile(t *testing.T) {
	for name, mediaType := range map[string]string{
		webui.Page: "text/html; charset=utf-8",
		"docs.css": "text/css; charset=utf-8",
		"docs.js":  "text/javascript; charset=utf-8",
		"iris.svg": "image/svg+xml",
	} {
		content, got, ok := webui.File(name)
		if !ok || len(content) == 0 || got != mediaType {
			t.Errorf("%s: %d bytes of %q, want %q", name, len(content), got, mediaType)
		}
	}
	for _, name := range []string{"", "none.js", "../webui.go", "/etc/passwd", "page", "."} {
		if content, _, ok := webui.File(name); ok {
			t.Errorf("%q is a file of %d bytes", name, len(content))
		}
	}
}

// The page works without a network: it loads everything from the process that serves it.
func TestPage_loadsNothingFromOtherHosts(t *testing.T) {
	elsewhere := regexp.MustCompile(`(https?:)?//[a-z0-9.-]+`)
	for _, name := range []string{webui.Page, "docs.css", "docs.js"} {
		content, _, _ := webui.File(name)
		for _, line := range strings.Split(string(content), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			if found := elsewhere.FindString(line); found != "" {
				t.Errorf("%s refers to %s: %s", name, found, line)
			}
		}
	}
}

// The files that the page loads exist, and nothing is inline, which the policy forbids.
func TestPage_loadsExistingFiles(t *testing.T) {
	content, _, _ := webui.File(webui.Page)
	page := string(content)
	loaded := regexp.MustCompile(`(?:src|href)="/docs/([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(loaded) < 3 {
		t.Errorf("the page loads %v", loaded)
	}
	for _, match := range loaded {
		if _, _, ok := webui.File(match[1]); !ok {
			t.Errorf("the page loads %s, which does not exist", match[1])
		}
	}
	for _, inline := range []string{"<style", " style=", " onclick=", "<script>"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %s inline, which its policy forbids", inline)
		}
	}
}
