// Package webui holds the page that shows the API to people. It is embedded in the binary and asks no other host for
// anything: what it renders is the OpenAPI document of the process that serves it.
package webui

import (
	"embed"
	"path"
)

//go:embed page
var files embed.FS

// Page is the name of the page itself; the other files are what it consists of.
const Page = "index.html"

// ContentSecurityPolicy goes with every file: whatever a model or a column is called, nothing foreign runs in the page.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// File returns a file and its media type. It reports false when there is none of that name.
func File(name string) (content []byte, mediaType string, ok bool) {
	content, err := files.ReadFile(path.Join("page", path.Base(name)))
	mediaType, known := mediaTypes[path.Ext(name)]
	return content, mediaType, err == nil && known
}

// mediaTypes are fixed: what the machine says of them may be something else on each.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}
