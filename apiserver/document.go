package apiserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/webui"
)

// apiDocument is the OpenAPI document. Besides the routes of the router, it has a route of predictions for each
// champion: an instance of /{model}/predict with the names of its features and classes.
type apiDocument struct {
	api   huma.API
	cache *champions.Cache
	kept  atomic.Pointer[encodedDocument]
}

// encodedDocument is the document while these champions are served.
type encodedDocument struct {
	champions []*champions.Served
	encoded   []byte
}

// get sends the document.
func (d *apiDocument) get(w http.ResponseWriter, _ *http.Request) error {
	document, err := d.current()
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = httpio.JSONType
	return sendFile(w, document)
}

// current returns the document with the current champions. It encodes the document again only if one of them has
// changed since the last request for it.
func (d *apiDocument) current() ([]byte, error) {
	champions := d.cache.Champions()
	if kept := d.kept.Load(); kept != nil && slices.Equal(kept.champions, champions) {
		return kept.encoded, nil
	}
	encoded, err := d.encode(champions)
	if err != nil {
		return nil, err
	}
	d.kept.Store(&encodedDocument{champions, encoded})
	return encoded, nil
}

// encode returns the document with these champions.
func (d *apiDocument) encode(champions []*champions.Served) ([]byte, error) {
	api := *d.api.OpenAPI()
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

// check returns an error if the document cannot be encoded. All routes must have been added.
func (d *apiDocument) check() error {
	schemas := d.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's, which is never sent
	delete(schemas, "ErrorDetail")
	_, err := d.encode(nil)
	return err
}

// getDocs sends the page that renders the document, or a file of the page.
func getDocs(w http.ResponseWriter, r *http.Request) error {
	name := cmp.Or(mux.Vars(r)["file"], webui.Page)
	content, mediaType, ok := webui.File(name)
	if !ok {
		return problem.NotFound("the page has no file %q", problem.Clip(name))
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Security-Policy", webui.ContentSecurityPolicy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return sendFile(w, content)
}

// sendFile sends content of the binary. A browser asks for it again each time, because another binary may have other
// content.
func sendFile(w http.ResponseWriter, content []byte) error {
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(content) // fails only for a client that hung up
	return nil
}
