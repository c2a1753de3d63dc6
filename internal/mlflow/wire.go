package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result returns the value of what MLflow answered, or err.
func result[W interface{ value() T }, T any](w W, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return w.value(), nil
}

// pair is a tag or a param in MLflow's JSON.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// pairs sorts by key, so that the same map gives the same request.
func pairs(m map[string]string) []pair {
	list := make([]pair, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, pair{key, m[key]})
	}
	return list
}

func fromPairs(list []pair) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Key] = p.Value
	}
	return m
}

// millis is a time in milliseconds since 1970. MLflow writes 64-bit integers as numbers. Its protocol buffers define
// them as strings, and other servers write strings.
type millis int64

func toMillis(t time.Time) millis { return millis(t.UnixMilli()) }

// String returns the number for a filter.
func (m millis) String() string { return strconv.FormatInt(int64(m), 10) }

func (m millis) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// UnmarshalJSON accepts 5, "5", "" and null.
func (m *millis) UnmarshalJSON(data []byte) error {
	text := unquote(data)
	if text == "" || text == "null" {
		*m = 0
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not an integer", data)
	}
	*m = millis(n)
	return nil
}

// text is a string that may arrive as a number: MLflow writes versions as strings, but documents numbers.
type text string

// UnmarshalJSON accepts "5", 5 and null.
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var n json.Number
	err := json.Unmarshal(data, &n)
	*t = text(n)
	return err
}

// number is the value of a metric. JSON has no infinities and no NaN, so MLflow uses strings for them.
type number float64

// MarshalJSON writes NaN, Infinity and -Infinity as strings.
func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(f)
	}
}

// UnmarshalJSON accepts numbers and numbers in strings.
func (n *number) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(unquote(data), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // a number out of range is an infinity
		return fmt.Errorf("%s is not a number", data)
	}
	*n = number(f)
	return nil
}

func unquote(data []byte) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(data), `"`), `"`)
}

// Quote quotes a value for a filter, as in "run_id = " + Quote(id). MLflow's filters have no escapes, so a filter
// cannot contain a value with both kinds of quotes or with a trailing backslash. Quote reports false for those.
func Quote(value string) (quoted string, ok bool) {
	for _, quote := range []string{"'", `"`} {
		if !strings.Contains(value, quote) && !strings.HasSuffix(value, `\`) {
			return quote + value + quote, true
		}
	}
	return "", false
}

// equals returns a filter for one attribute. A value that no filter can contain is ErrNotExist.
func equals(attribute, value string) (string, error) {
	quoted, ok := Quote(value)
	if !ok || strings.Count(attribute, "`") > 2 { // those around the name of a tag
		return "", fmt.Errorf("MLflow cannot search for %s = %q: %w", attribute, value, ErrNotExist)
	}
	return attribute + " = " + quoted, nil
}
