package tablefile

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// Reading is what a person may say about a text file. An empty field means that Open finds it.
type Reading struct {
	Delimiter string `json:"delimiter,omitempty"` // one of , ; | and a tab, or its name
	Decimal   string `json:"decimal,omitempty"`   // . or ,
	Encoding  string `json:"encoding,omitempty"`  // a name of the WHATWG, such as windows-1252
	Header    Header `json:"header,omitempty"`
}

// Header says whether the first record names the columns. JSON may also have it as a boolean.
type Header string

// Values of Header. HeaderAuto, as "", leaves the decision to package dataset.
const (
	HeaderAuto  Header = "auto"
	HeaderTrue  Header = "true"
	HeaderFalse Header = "false"
)

// UnmarshalJSON implements json.Unmarshaler.
func (h *Header) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", "false":
		*h = Header(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(h)) //nolint:wrapcheck // as if this method were not here
}

// OptionError is a wrong field of a Reading.
type OptionError struct {
	Option string // as in JSON
	Reason string
}

// Error returns the option and the reason.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// delimiters are the characters that may separate cells, the most likely first.
const delimiters = ",;\t|"

var delimiterNames = map[string]byte{
	",": ',', ";": ';', "\t": '\t', "|": '|', "comma": ',', "semicolon": ';', "tab": '\t', `\t`: '\t', "pipe": '|',
}

// Check returns an *OptionError if a field has a value that it cannot have.
func (r Reading) Check() error {
	if _, known := delimiterNames[r.Delimiter]; r.Delimiter != "" && !known {
		return &OptionError{"delimiter", fmt.Sprintf("%.40q is not one of comma, semicolon, tab and pipe", r.Delimiter)}
	}
	switch r.Decimal {
	case "", ".", ",", "point", "comma":
	default:
		return &OptionError{"decimal", fmt.Sprintf("%.40q is neither point nor comma", r.Decimal)}
	}
	switch r.Header {
	case "", HeaderAuto, HeaderTrue, HeaderFalse:
	default:
		return &OptionError{"header", fmt.Sprintf("%.40q is not one of auto, true and false", string(r.Header))}
	}
	if r.Encoding != "" {
		if _, _, err := findEncoding(r.Encoding); err != nil {
			return err
		}
	}
	return nil
}

// Plain returns the reading of the CSV that a Reader has made of a file.
func (t *Reader) Plain() Reading {
	if t.header {
		return Reading{Header: HeaderTrue}
	}
	return Reading{}
}

func findEncoding(name string) (_ encoding.Encoding, canonical string, err error) {
	e, err := htmlindex.Get(strings.TrimSpace(name))
	if err == nil {
		canonical, err = htmlindex.Name(e)
	}
	if err != nil || e == encoding.Replacement || canonical == "x-user-defined" {
		return nil, "", &OptionError{
			"encoding",
			fmt.Sprintf(
				"%.40q is not known: want a name such as windows-1252, iso-8859-2, utf-16le, shift_jis or gb18030",
				name,
			),
		}
	}
	return e, canonical, nil
}
