package workflows_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sumsFile lists the files of a release and their hashes, as sha256sum writes them.
const sumsFile = "SHA256SUMS"

// TestHistories_areFrozen checks that the histories of a release are those that were recorded at the release. Tasks of
// that release may still be running, so new code must continue from them as they are.
func TestHistories_areFrozen(t *testing.T) {
	folders, err := os.ReadDir(histories)
	if err != nil {
		t.Fatal(err)
	}
	var releases []string
	for _, folder := range folders {
		if folder.IsDir() && folder.Name() != "unreleased" {
			releases = append(releases, folder.Name())
		}
	}
	if !slices.Contains(releases, "0.1.0") {
		t.Errorf("releases %v, want 0.1.0 among them", releases)
	}
	for _, release := range releases {
		for _, change := range changes(t, filepath.Join(histories, release)) {
			t.Errorf("release %s: %s; restore it, see CONTRIBUTING.md", release, change)
		}
	}
}

// changes compares the files of a folder with its list and describes each difference.
func changes(t *testing.T, folder string) (found []string) {
	t.Helper()
	list, err := os.Open(filepath.Join(folder, sumsFile))
	if err != nil {
		return []string{err.Error()}
	}
	defer list.Close()
	listed := map[string]bool{sumsFile: true}
	for lines := bufio.NewScanner(list); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return append(found, fmt.Sprintf("%s has the line %q, want a hash and a name", sumsFile, lines.Text()))
		}
		listed[name] = true
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			found = append(found, name+" is missing")
			continue
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
			found = append(found, name+" has changed")
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !listed[file.Name()] {
			found = append(found, file.Name()+" was added")
		}
	}
	if len(listed) == 1 {
		found = append(found, sumsFile+" lists no files")
	}
	return found
}

func TestChanges(t *testing.T) {
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc"
	tests := map[string]struct {
		list  string
		files map[string]string
		want  string // the changes, joined
	}{
		"none":    {sum + "  a.json\n", map[string]string{"a.json": "abc"}, ""},
		"changed": {sum + "  a.json\n", map[string]string{"a.json": "abd"}, "a.json has changed"},
		"missing": {sum + "  a.json\n" + sum + "  b.json\n", map[string]string{"a.json": "abc"}, "b.json is missing"},
		"added":   {sum + "  a.json\n", map[string]string{"a.json": "abc", "b.json": "x"}, "b.json was added"},
		"renamed": {sum + "  a.json\n", map[string]string{"b.json": "abc"}, "a.json is missing, b.json was added"},
		"no list": {"", map[string]string{}, "SHA256SUMS lists no files"},
		"a bad list": {
			"abc a.json\n",
			map[string]string{"a.json": "abc"},
			`SHA256SUMS has the line "abc a.json", want a hash and a name`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			test.files[sumsFile] = test.list
			for file, content := range test.files {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(changes(t, folder), ", "); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
	if got := changes(t, t.TempDir()); len(got) != 1 || !strings.Contains(got[0], sumsFile) {
		t.Errorf("without a list: %q, want it reported", got)
	}
}
