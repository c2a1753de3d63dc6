package workflows

import (
	"iris/activities"
	"iris/internal/registry"
)

// Types of other packages that are part of the inputs and results of tasks. Whoever starts or reads a task needs to
// import only this package.
type (
	// PromotionInput is the input of Promotion.
	PromotionInput = registry.Promotion
	// PromotionResult is the result of Promotion.
	PromotionResult = activities.PromotionResult
	// Manifest says what a finished batch consists of. It is stored at objstore.BatchManifestKey.
	Manifest = activities.Manifest
	// Part is a piece of a batch's scores.
	Part = activities.Part
	// Timings are the durations of a batch's steps.
	Timings = activities.Timings
	// Progress is the content of an activity's heartbeats.
	Progress = activities.Progress
)
