package scores_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"iris/internal/scores"
)

func TestJoiner(t *testing.T) {
	for _, l := range layouts() {
		if l.Format != scores.Parquet {
			continue
		}
		t.Run(name(l), func(t *testing.T) {
			var out bytes.Buffer
			j, err := l.NewJoiner(&out)
			if err != nil {
				t.Fatal(err)
			}
			var all []scores.Row
			for i, n := range []int{10, 0, 2000, 1} {
				rows := randomRows(l, n, uint64(i))
				part := written(t, l, rows)
				if err := j.Append(bytes.NewReader(part), int64(len(part))); err != nil {
					t.Fatal(err)
				}
				all = append(all, rows...)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if j.Rows() != int64(len(all)) {
				t.Errorf("joined %d rows, want %d", j.Rows(), len(all))
			}
			wantRest(t, reader(t, l, out.Bytes()), all)
			r := reader(t, l, out.Bytes()) // over the end of a part
			if err := r.Skip(1500); err != nil {
				t.Fatal(err)
			}
			wantRest(t, r, all[1500:])
		})
	}
}

func TestJoiner_badParts(t *testing.T) {
	l := scores.Layout{Format: scores.Parquet, Classes: []string{"a", "b"}, Probabilities: true}
	other := l
	other.Classes = []string{"a", "c"}
	good, foreign := written(t, l, randomRows(l, 5, 1)), written(t, other, randomRows(other, 5, 1))
	for what, test := range map[string]struct {
		part []byte
		want string
	}{
		"not Parquet": {[]byte("label\na\n"), "read scores: "},
		"empty":       {nil, "read scores: "},
		"cut off":     {good[:len(good)-20], "read scores: "},
		"other class": {foreign, "read scores: the columns are "},
	} {
		j, err := l.NewJoiner(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		err = j.Append(bytes.NewReader(test.part), int64(len(test.part)))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q", what, err, test.want)
		}
		if _, err := l.NewParquetReader(bytes.NewReader(test.part), int64(len(test.part))); err == nil {
			t.Errorf("%s: a reader accepts it", what)
		}
	}
	full := errors.New("disk full")
	j, err := l.NewJoiner(failing{full})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Append(bytes.NewReader(good), int64(len(good))), j.Close()); !errors.Is(err, full) {
		t.Errorf("got error %v, want the error of the writer", err)
	}
}
