package jsonrow

import (
	"encoding/json"
	"testing"
)

func TestJSONText_decode(t *testing.T) {
	for _, text := range []string{
		`"plain é"`, `""`, `"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\u20AC\uFFFD\u0000"`,
		`"\ud83d\ude00 a pair"`, `"\ud83d alone"`, `"\ude00 alone"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`,
		`"\ud83d"`, `"\ud83d\\u0041"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		s := Scanner{Data: []byte(text)}
		read, err := s.Text()
		if err != nil || s.Pos != len(text) {
			t.Errorf("%s: stopped at %d, error %v", text, s.Pos, err)
			continue
		}
		if got := string(read.Decode(nil)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
