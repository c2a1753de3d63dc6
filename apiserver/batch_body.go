package apiserver

import (
	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// batchBody is the JSON of a batch. Its rows are not decoded yet, because that needs the schema of the model.
type batchBody struct {
	ModelID string   // as sent, "" when absent
	Data    []byte   // the value of "data" for jsonrow.Decoder.DecodeRawRows, a part of the document; nil when absent
	Others  []member // in the order of the document
}

// member is a field of a JSON object, not decoded yet.
type member struct {
	Name  string
	Value []byte
}

// parseBatchBody reads {"model_id": "…", "data": […], …}. Every field may be absent. Errors are those of
// jsonrow.Decoder.
func parseBatchBody(data []byte) (batchBody, error) {
	s := jsonrow.Scanner{Data: data}
	s.Space()
	body, err := scanBatchBody(&s)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		if syntax := jsonrow.Check(data); syntax != nil {
			err = syntax
		}
		return batchBody{}, err
	}
	return body, nil
}

func scanBatchBody(s *jsonrow.Scanner) (batchBody, error) {
	var body batchBody
	if s.Peek() != '{' {
		return body, &dataset.RowError{Reason: s.Kind() + ", want an object"}
	}
	s.Pos++
	named := false
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil || !ok {
			return body, err
		}
		switch name := string(name.Decode(nil)); name {
		case "model_id":
			if named {
				return body, &dataset.RowError{Pointer: "/model_id", Reason: "given twice"}
			}
			if s.Peek() != '"' {
				return body, &dataset.RowError{Pointer: "/model_id", Reason: s.Kind() + ", want a string"}
			}
			id, err := s.Text()
			if err != nil {
				return body, err
			}
			body.ModelID, named = string(id.Decode(nil)), true
		case "data":
			if body.Data != nil {
				return body, &dataset.RowError{Pointer: "/data", Reason: "given twice"}
			}
			if body.Data, err = skipValue(s); err != nil {
				return body, err
			}
		default:
			value, err := skipValue(s)
			if err != nil {
				return body, err
			}
			body.Others = append(body.Others, member{Name: name, Value: value})
		}
	}
}

// skipValue returns the text of the value of a member.
func skipValue(s *jsonrow.Scanner) ([]byte, error) {
	start := s.Pos
	if err := s.Skip(1); err != nil {
		return nil, err
	}
	return s.Data[start:s.Pos], nil
}
