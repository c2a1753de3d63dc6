// Package testdata embeds the files of its folder for package datasettest, because a package can embed only files of
// its own folder. README.md says where the files come from.
package testdata

import "embed"

// Files holds the CSVs of this folder.
//
//go:embed *.csv
var Files embed.FS
