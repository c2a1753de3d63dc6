package apiserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/champions"
)

// modelsDocument is the encoded OpenAPI document while these champions are served. It has a route of predictions for
// each champion, an instance of /{model}/predict with the names of its features and classes.
type modelsDocument struct {
	champions []*champions.Served
	encoded   []byte
}

func (s *Server) handleDocument(w http.ResponseWriter, _ *http.Request) error {
	document, err := s.currentDocument()
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = httpio.JSONType
	return sendFile(w, document)
}

// currentDocument returns the OpenAPI document with the current champions. It encodes the document again only if one of
// them has changed since the last request for it.
func (s *Server) currentDocument() ([]byte, error) {
	champions := s.Cache.Champions()
	if kept := s.document.Load(); kept != nil && slices.Equal(kept.champions, champions) {
		return kept.encoded, nil
	}
	encoded, err := s.encodeDocument(champions)
	if err != nil {
		return nil, err
	}
	s.document.Store(&modelsDocument{champions, encoded})
	return encoded, nil
}

// encodeDocument returns the OpenAPI document with these champions.
func (s *Server) encodeDocument(champions []*champions.Served) ([]byte, error) {
	api := *s.api.OpenAPI()
	api.Paths = maps.Clone(api.Paths)
	template := api.Paths[serving.PredictTemplate].Post
	for _, served := range champions {
		path := "/" + served.Version.Model + "/predict"
		api.Paths[path] = &huma.PathItem{Post: serving.ChampionOperation(served, template)}
	}
	encoded, err := json.Marshal(&api)
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return encoded, nil
}
