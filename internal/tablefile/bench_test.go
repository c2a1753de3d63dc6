package tablefile_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"iris/internal/tablefile"
)

func BenchmarkOpen(b *testing.B) {
	row := "5.1,3.5,1.4,0.2,Iris-setosa\n"
	plain := []byte("a,b,c,d,e\n" + strings.Repeat(row, 100_000))
	semicolons := bytes.ReplaceAll(bytes.ReplaceAll(plain, []byte(","), []byte(";")), []byte("."), []byte(","))
	for name, file := range map[string][]byte{
		"plain":          plain,
		"decimal commas": semicolons,
		"UTF-16":         utf16le(string(plain), true),
		"JSON lines":     []byte(strings.Repeat(`{"a":5.1,"b":3.5,"c":1.4,"d":0.2,"e":"Iris-setosa"}`+"\n", 100_000)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := tablefile.Open(bytes.NewReader(file), tablefile.Options{})
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
