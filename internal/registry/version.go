package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/model"
)

// Version is one registered model, with what it was made of. It never changes, but for its aliases and what the gate
// says.
type Version struct {
	Model          string             `json:"model"`
	Number         string             `json:"number"` // "1", "2", …
	RunID          string             `json:"run_id"`
	ModelID        string             `json:"model_id"` // MLflow's logged model, m-…
	Algorithm      model.Algorithm    `json:"algorithm"`
	Seed           uint64             `json:"seed"`
	DatasetSHA256  string             `json:"dataset_sha256"`
	ArtifactSHA256 string             `json:"artifact_sha256"`
	TaskID         string             `json:"task_id"`
	GitCommit      string             `json:"git_commit,omitempty"`
	Split          dataset.Split      `json:"split"`
	Metrics        map[string]float64 `json:"metrics"` // tagMetricNames, on the held-out rows
	Aliases        []string           `json:"aliases"` // sorted
	CreatedAt      time.Time          `json:"created_at"`
	Description    string             `json:"description"`

	Recipe     *Recipe           `json:"recipe,omitempty"` // nil when only the artifact has it
	Gate       string            `json:"gate,omitempty"`   // the decision, "" until there is one
	GateReason string            `json:"gate_reason,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // of the request that trained it
}

// URI names the version as MLflow does, models:/iris/3.
func (v Version) URI() string { return modelsScheme + v.Model + "/" + v.Number }

// Tags of a version in MLflow. They come with every answer that holds the version, also with the poll of the latest
// ones once a second, so they are kept small.
const (
	tagAlgorithm   = "iris.algorithm"
	tagSeed        = "iris.seed"
	tagDataset     = "iris.dataset.sha256"
	tagArtifact    = "iris.artifact.sha256"
	tagSplit       = "iris.split"        // dataset.Split as JSON, without its moved rows where splitFile holds them
	tagSplitSHA256 = "iris.split.sha256" // of splitFile, only if there is one
	tagMetrics     = "iris.metrics"      // JSON
	tagTask        = "iris.task_id"
	tagCommit      = "iris.git_commit"
	tagRecipe      = "iris.recipe" // JSON, unless it is long
	tagGate        = "iris.gate"   // these two once it is decided
	tagGateReason  = "iris.gate_reason"
)

// maxSplitTag is the longest split that is kept as a tag, in bytes. Beyond it, about 25 moved rows, the split is a file
// beside the artifact; MLflow would take 100,000.
const maxSplitTag = 2000

// tagMetricNames are the metrics worth a line in a list of versions. The run has all of them.
var tagMetricNames = []string{"accuracy", "ece", "log_loss", "macro_f1"}

// tags describes the candidate; splitFile is nil when the split fits in its tag.
func (c Candidate) tags() (tags map[string]string, splitFile []byte, err error) {
	metrics := make(map[string]float64, len(tagMetricNames))
	for _, name := range tagMetricNames {
		if v, ok := c.Metrics[name]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			metrics[name] = v
		}
	}
	metricsJSON, err := json.Marshal(metrics)
	if err != nil {
		return nil, nil, fmt.Errorf("encode metrics: %w", err)
	}
	tags = map[string]string{
		tagAlgorithm: string(c.Spec.Algorithm),
		tagSeed:      strconv.FormatUint(c.Spec.Seed, 10),
		tagDataset:   c.DatasetSHA256,
		tagArtifact:  hexSHA256(c.Artifact),
		tagMetrics:   string(metricsJSON),
		tagTask:      c.TaskID,
	}
	maps.Copy(tags, c.Tags)
	if c.GitCommit != "" {
		tags[tagCommit] = c.GitCommit
	}
	recipe, err := c.recipeTag()
	if err != nil {
		return nil, nil, err
	}
	if recipe != "" {
		tags[tagRecipe] = recipe
	}
	split, err := json.Marshal(c.Split)
	if err != nil {
		return nil, nil, fmt.Errorf("encode split: %w", err)
	}
	if len(split) > maxSplitTag {
		splitFile = split
		tags[tagSplitSHA256] = hexSHA256(splitFile)
		split, err = json.Marshal(dataset.Split{Seed: c.Split.Seed, TestSize: c.Split.TestSize})
		if err != nil {
			return nil, nil, fmt.Errorf("encode split: %w", err)
		}
	}
	tags[tagSplit] = string(split)
	return tags, splitFile, nil
}

// fromMLflow reads a version from its tags. On an error, an ErrCorrupt, the version lacks what could not be read: a
// list
// can show it all the same. A version that Iris did not register has none of the tags, which is no error here.
func fromMLflow(mv mlflow.ModelVersion) (Version, error) {
	v := Version{
		Model:   mv.Name,
		Number:  mv.Version,
		RunID:   mv.RunID,
		ModelID: mv.LoggedModelID,
		Algorithm: model.Algorithm(
			mv.Tags[tagAlgorithm],
		),
		DatasetSHA256:  mv.Tags[tagDataset],
		ArtifactSHA256: mv.Tags[tagArtifact],
		TaskID:         mv.Tags[tagTask],
		GitCommit:      mv.Tags[tagCommit],
		Metrics:        map[string]float64{},
		Aliases:        slices.Sorted(slices.Values(mv.Aliases)),
		CreatedAt:      mv.Created.UTC(),
		Description:    mv.Description,
		Gate:           mv.Tags[tagGate],
		GateReason:     mv.Tags[tagGateReason],
	}
	for key, value := range mv.Tags {
		if !isOurTag(key) {
			if v.Tags == nil {
				v.Tags = make(map[string]string)
			}
			v.Tags[key] = value
		}
	}
	if v.Aliases == nil {
		v.Aliases = []string{} // an empty list in JSON, not null
	}
	if v.ArtifactSHA256 == "" {
		return v, nil
	}
	var err error
	if v.Seed, err = strconv.ParseUint(mv.Tags[tagSeed], 10, 64); err != nil {
		return v, fmt.Errorf("%s: %w: tag %s: %w", v.URI(), ErrCorrupt, tagSeed, err)
	}
	if err := json.Unmarshal([]byte(mv.Tags[tagMetrics]), &v.Metrics); err != nil {
		return v, fmt.Errorf("%s: %w: tag %s: %w", v.URI(), ErrCorrupt, tagMetrics, err)
	}
	if err := json.Unmarshal([]byte(mv.Tags[tagSplit]), &v.Split); err != nil {
		return v, fmt.Errorf("%s: %w: tag %s: %w", v.URI(), ErrCorrupt, tagSplit, err)
	}
	if recipe := mv.Tags[tagRecipe]; recipe != "" {
		if err := json.Unmarshal([]byte(recipe), &v.Recipe); err != nil {
			v.Recipe = nil
			return v, fmt.Errorf("%s: %w: tag %s: %w", v.URI(), ErrCorrupt, tagRecipe, err)
		}
	}
	return v, nil
}

// number orders versions. MLflow counts from 1.
func number(mv mlflow.ModelVersion) int {
	n, err := strconv.Atoi(mv.Version)
	if err != nil {
		return 0
	}
	return n
}
