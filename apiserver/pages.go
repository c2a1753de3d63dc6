package apiserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"

	"iris/apiserver/problem"
)

const (
	defaultPageSize = 50
	maxPageSize     = 200
)

// PageQuery is the part of a query that selects a page of a list. It is exported because huma reads it.
type PageQuery struct {
	PageSize  int    `query:"page_size" minimum:"0" doc:"At most this many. 0 means 50; no page has more than 200."`
	PageToken string `query:"page_token" maxLength:"10000" doc:"The next_page_token of the page before."`
}

// size returns how many elements the page has at most.
func (q PageQuery) size() int { return min(cmp.Or(q.PageSize, defaultPageSize), maxPageSize) }

// pageToken returns the token that a client sends for the next page of a list, "" for the last page. Temporal reports a
// foreign token as unavailable, so tokens carry a checksum of the list that they belong to.
func pageToken(list string, position []byte) string {
	if len(position) == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(tokenChecksum(list, position), position...))
}

// openPageToken returns the position in a list that a token stands for.
func openPageToken(list, token string) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	opened, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(opened) > tokenChecksumSize {
		checksum, position := opened[:tokenChecksumSize], opened[tokenChecksumSize:]
		if bytes.Equal(checksum, tokenChecksum(list, position)) {
			return position, nil
		}
	}
	return nil, problem.Invalid(problem.Fault{
		Parameter: "page_token", Detail: "is not the next_page_token of a page of this list",
	})
}

const tokenChecksumSize = 8 // bytes

func tokenChecksum(list string, position []byte) []byte {
	sum := sha256.Sum256(append([]byte(list+"\x00"), position...))
	return sum[:tokenChecksumSize]
}
