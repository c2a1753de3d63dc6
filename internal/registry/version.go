package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"iris/internal/mlflow"
	"iris/internal/partition"
	"iris/model"
)

// Version is a registered model and its lineage. Only its aliases and the decision of the gate change.
type Version struct {
	Model          string             `json:"model"`
	Number         string             `json:"number"` // "1", "2", …
	RunID          string             `json:"run_id"`
	LoggedModelID  string             `json:"model_id"` // MLflow's m-…
	Algorithm      model.Algorithm    `json:"algorithm"`
	Seed           uint64             `json:"seed"`
	DatasetSHA256  string             `json:"dataset_sha256"`
	ArtifactSHA256 string             `json:"artifact_sha256"`
	TaskID         string             `json:"task_id"`
	GitCommit      string             `json:"git_commit,omitempty"`
	Split          partition.Split    `json:"split"`
	Metrics        map[string]float64 `json:"metrics"` // the metrics in tagMetricNames, on the held-out rows
	Aliases        []string           `json:"aliases"` // sorted
	CreatedAt      time.Time          `json:"created_at"`
	Description    string             `json:"description"`

	Recipe     *Recipe           `json:"recipe,omitempty"` // nil if only the artifact has it
	Gate       string            `json:"gate,omitempty"`   // the decision, "" before it
	GateReason string            `json:"gate_reason,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // of the training request
}

// URI returns the version as a URI of MLflow, such as models:/iris/3.
func (v Version) URI() string { return modelsScheme + v.Model + "/" + v.Number }

// Tags of a version in MLflow. Every answer that contains a version contains its tags, also the poll of the champions
// once a second, so they are small.
const (
	tagAlgorithm   = "iris.algorithm"
	tagSeed        = "iris.seed"
	tagDataset     = "iris.dataset.sha256"
	tagArtifact    = "iris.artifact.sha256"
	tagSplit       = "iris.split"        // partition.Split as JSON; without the moved rows if splitFile exists
	tagSplitSHA256 = "iris.split.sha256" // of splitFile, if it exists
	tagMetrics     = "iris.metrics"      // JSON
	tagTask        = "iris.task_id"
	tagCommit      = "iris.git_commit"
	tagRecipe      = "iris.recipe"         // JSON, unless it is long
	tagPositive    = "iris.positive_class" // this one and the next only with a decision, which tagRecipe has too
	tagThreshold   = "iris.threshold"
	tagGate        = "iris.gate" // this one and the next only after the decision
	tagGateReason  = "iris.gate_reason"
)

// maxSplitTag limits a split in a tag, in bytes; that is about 25 moved rows. A longer split is a file beside the
// artifact. MLflow would accept 100,000 bytes.
const maxSplitTag = 2000

// tagMetricNames are the metrics that a list of versions shows. The run has all metrics.
var tagMetricNames = []string{"accuracy", "auc", "ece", "log_loss", "macro_f1"}

// tags returns the tags of the candidate, and the content of splitFile if the split is too long for a tag.
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
	if d := c.Decision.Params(); d != nil {
		tags[tagPositive], tags[tagThreshold] = d["positive_class"], d["threshold"]
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
		split, err = json.Marshal(partition.Split{Seed: c.Split.Seed, TestSize: c.Split.TestSize})
		if err != nil {
			return nil, nil, fmt.Errorf("encode split: %w", err)
		}
	}
	tags[tagSplit] = string(split)
	return tags, splitFile, nil
}

// fromMLflow reads a version from its tags. If a tag cannot be read, it returns ErrCorrupt and the version without that
// tag, which a list can still show. A version that another program registered has none of the tags; that is not an
// error.
func fromMLflow(mv mlflow.ModelVersion) (Version, error) {
	v := Version{
		Model:          mv.Name,
		Number:         mv.Version,
		RunID:          mv.RunID,
		LoggedModelID:  mv.LoggedModelID,
		Algorithm:      model.Algorithm(mv.Tags[tagAlgorithm]),
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
		if !isReservedTag(key) {
			if v.Tags == nil {
				v.Tags = make(map[string]string)
			}
			v.Tags[key] = value
		}
	}
	if v.Aliases == nil {
		v.Aliases = []string{} // encodes as [], not null
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

// number returns the number of a version, from 1, or 0 if it is not a number.
func number(mv mlflow.ModelVersion) int {
	n, err := strconv.Atoi(mv.Version)
	if err != nil {
		return 0
	}
	return n
}
