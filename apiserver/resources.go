package apiserver

import (
	"iris/apiserver/httpio"
	"iris/apiserver/kservev1"
	"iris/apiserver/mlflowscoring"
	"iris/apiserver/openinference"
	"iris/apiserver/serving"
	"iris/apiserver/starts"
	"iris/internal/catalogue"
)

// resources answer the requests. Each has only the dependencies that it uses.
type resources struct {
	bulk    httpio.Bulk
	serving *serving.Models
	metrics *metrics

	inference   *openinference.API
	kserve      *kservev1.API
	scoring     *mlflowscoring.API
	apiDocument *apiDocument
	health      *health
	tasks       *tasks
	trainings   *trainings
	batches     *batches
	datasets    *datasets
	models      *models
}

// build creates the resources besides bulk, serving and metrics, which the router needs before.
func (r *resources) build(o Options, rt *router) error {
	datasetCatalogue, err := catalogue.New(
		catalogue.Options{Store: o.Store, Bucket: o.Bucket, DataBuckets: o.DataBuckets})
	if err != nil {
		return err
	}
	links := links{temporalUI: o.TemporalUI, namespace: o.Namespace, mlflowUI: o.MLflowUI}
	uploads := &uploads{store: o.Store, bucket: o.Bucket, catalogue: datasetCatalogue, log: rt.handler.Log}
	r.inference = openinference.New(openinference.Options{
		Models: r.serving, Handler: rt.handler, Metrics: r.metrics.http, Version: o.Version,
	})
	r.kserve, r.scoring = kservev1.New(r.serving), mlflowscoring.New(r.serving)
	r.apiDocument = &apiDocument{api: rt.api, cache: o.Cache}
	r.health = &health{
		temporal: o.Temporal, store: o.Store, bucket: o.Bucket, cache: o.Cache, draining: r.serving.Draining,
		defaultModel: o.DefaultModel, more: o.Ready, log: o.Logger,
	}
	starting := starts.New(starts.Options{Temporal: o.Temporal})
	r.tasks = &tasks{
		temporal: o.Temporal, store: o.Store, bucket: o.Bucket, links: links, log: rt.handler.Log,
		cache: o.Cache, servedPatience: servedPatience, onDrain: r.serving.OnDrain,
	}
	r.models = &models{
		registry: o.Registry, cache: o.Cache, catalogue: datasetCatalogue, serving: r.serving, tasks: r.tasks, links: links,
		starts: starting, promotionTimeout: promotionTimeout,
	}
	r.datasets = &datasets{
		catalogue: datasetCatalogue, registry: o.Registry, uploads: uploads, answers: rt.answers,
		maxUpload: o.MaxUpload,
	}
	r.trainings = &trainings{
		tasks: r.tasks, starts: starting, models: r.serving, catalogue: datasetCatalogue, uploads: uploads,
		answers: rt.answers, schema: r.models.schema, maxUpload: o.MaxUpload,
	}
	r.batches = &batches{
		tasks: r.tasks, starts: starting, models: r.serving, catalogue: datasetCatalogue, uploads: uploads,
		answers: rt.answers, store: o.Store, bucket: o.Bucket, bulk: r.bulk, accepted: r.metrics.batched,
		maxBody: o.MaxBody, maxUpload: o.MaxBatchUpload, maxData: o.MaxBatchData,
	}
	return nil
}
