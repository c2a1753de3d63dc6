// Package testdata embeds the files beside it for package datasettest, since a package can embed only what lies in its
// own folder. README.md says where they come from.
package testdata

import "embed"

// Files are the CSVs of this folder.
//
//go:embed *.csv
var Files embed.FS
