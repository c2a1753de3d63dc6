// Package webui embeds the page that shows the API to people. The page renders the OpenAPI document of the process that
// serves it. It loads nothing from other hosts, and the package serves no requests itself.
package webui

import (
	"embed"
	"path"
)

//go:embed page
var files embed.FS

// Page is the name of the page. It loads the other files.
const Page = "index.html"

// ContentSecurityPolicy belongs in the headers of every file. With it the page runs no foreign code, whatever the name
// of a model or a column contains.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// File returns a file and its media type. It reports false if no file has the name.
func File(name string) (content []byte, mediaType string, ok bool) {
	content, err := files.ReadFile(path.Join("page", path.Base(name)))
	mediaType, known := mediaTypes[path.Ext(name)]
	return content, mediaType, err == nil && known
}

// mediaTypes is fixed, because the types that a machine configures differ.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}
