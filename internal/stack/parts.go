package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"iris/internal/objstore"
)

// buckets exist when MinIO is ready: the bucket of Iris, and the one in which MLflow stores artifacts.
var buckets = []string{"iris", "mlflow"}

// minio prepares the S3 server.
func (s *Stack) minio(ports []int) (service, error) {
	api, console := address(ports[0]), address(ports[1])
	data := filepath.Join(s.options.DataDir, "minio")
	// With certificates in its default folder, the server would use TLS.
	certificates := filepath.Join(s.options.DataDir, "minio-certs")
	if err := os.MkdirAll(certificates, 0o700); err != nil {
		return service{}, err
	}
	store, err := objstore.New(objstore.Options{
		Endpoint: api, AccessKey: s.credentials.AccessKey, SecretKey: s.credentials.SecretKey,
	})
	if err != nil {
		return service{}, err
	}
	return service{
		command: command{
			program: s.options.MinIO,
			arguments: []string{
				"server", data, "--address", api, "--console-address", console,
				"--certs-dir", certificates, "--anonymous",
			},
			environment: environment([]string{"MINIO_"},
				"MINIO_ROOT_USER="+s.credentials.AccessKey, "MINIO_ROOT_PASSWORD="+s.credentials.SecretKey, "MINIO_UPDATE=off"),
		},
		probe: func(ctx context.Context) error {
			if err := getOK(ctx, "http://"+api+"/minio/health/live"); err != nil {
				return err
			}
			for _, bucket := range buckets {
				if err := store.EnsureBucket(ctx, bucket); err != nil {
					return err
				}
			}
			return nil
		},
		publish: func(a *Addresses) {
			a.S3, a.S3Console = api, "http://"+console
			a.S3AccessKey, a.S3SecretKey = s.credentials.AccessKey, s.credentials.SecretKey
		},
	}, nil
}

// temporal prepares Temporal's development server, a complete server on SQLite.
func (s *Stack) temporal(ports []int) (service, error) {
	frontend, ui := address(ports[0]), address(ports[1])
	return service{
		command: command{
			program: s.options.Temporal,
			arguments: []string{
				"server", "start-dev", "--db-filename", filepath.Join(s.options.DataDir, "temporal.db"),
				"--ip", loopback, "--port", strconv.Itoa(ports[0]), "--ui-port", strconv.Itoa(ports[1]),
				// By default the server throttles its task queues to 20 polls per second and shard, and each step of a workflow
				// takes about 100 ms. With these two settings a step takes about 20 ms.
				"--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000",
				"--dynamic-config-value", "system.enableActivityEagerExecution=true",
				// Without the first of these settings, this version ignores the priorities of tasks. The others reduce a queue
				// from four partitions to one, because each partition has an order of its own.
				"--dynamic-config-value", "matching.useNewMatcher=true",
				"--dynamic-config-value", "matching.numTaskqueueReadPartitions=1",
				"--dynamic-config-value", "matching.numTaskqueueWritePartitions=1",
			},
			environment: environment([]string{"TEMPORAL_"}),
		},
		probe: func(ctx context.Context) error {
			if err := getOK(ctx, "http://"+ui); err != nil {
				return err
			}
			return namespaceReady(ctx, frontend)
		},
		publish: func(a *Addresses) { a.Temporal, a.TemporalUI = frontend, "http://"+ui },
	}, nil
}

// mlflow prepares the MLflow server. MinIO must be running.
func (s *Stack) mlflow(ports []int) (service, error) {
	host, number := address(ports[0]), strconv.Itoa(ports[0])
	return service{
		command: command{
			program: s.options.Python,
			arguments: []string{
				"-m", "mlflow", "server", "--host", loopback, "--port", number, "--workers", "1",
				"--backend-store-uri", "sqlite:///" + filepath.Join(s.options.DataDir, "mlflow.db"),
				"--artifacts-destination", "s3://mlflow",
				"--allowed-hosts", loopback + ":" + number + ",localhost:" + number,
			},
			// MLflow may write a folder mlruns into its working directory.
			directory: s.options.DataDir,
			environment: environment(
				[]string{"MLFLOW_", "AWS_", "PYTHON"},
				"AWS_ACCESS_KEY_ID="+s.credentials.AccessKey,
				"AWS_SECRET_ACCESS_KEY="+s.credentials.SecretKey,
				"AWS_DEFAULT_REGION=us-east-1",
				"AWS_EC2_METADATA_DISABLED=true",
				"MLFLOW_S3_ENDPOINT_URL=http://"+s.Addresses().S3,
				"NO_PROXY="+loopback+",localhost",
				"no_proxy="+loopback+",localhost",
				"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",
				"MLFLOW_DISABLE_TELEMETRY=true",
				"PYTHONUNBUFFERED=1",
			),
		},
		probe:   func(ctx context.Context) error { return getOK(ctx, "http://"+host+"/health") },
		publish: func(a *Addresses) { a.MLflow = "http://" + host },
	}, nil
}

// probes uses no proxy, and a new connection for each request: a server on the same port may be another one by now.
var probes = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// getOK succeeds when the URL answers 200.
func getOK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := probes.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}

// namespaceReady succeeds when the default namespace exists.
func namespaceReady(ctx context.Context, hostPort string) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: hostPort, Logger: quiet()})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().
		DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: client.DefaultNamespace})
	return err
}

// quiet returns a logger for a client that fails until the server is up.
func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }
