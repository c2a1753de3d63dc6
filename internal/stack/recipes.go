package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"iris/deploy"
)

// recipes lists how each part is installed, slowest first.
func recipes() []recipe {
	temporal := goRecipe(Temporal, "github.com/temporalio/cli/cmd/temporal", deploy.TemporalVersion(), temporalFits,
		func(p *Paths, program string) { p.Temporal = program })
	temporal.archive = deploy.TemporalArchive
	return []recipe{
		goRecipe(MinIO, "github.com/minio/minio", deploy.MinIOVersion(), minioFits,
			func(p *Paths, program string) { p.MinIO = program }),
		temporal,
		pythonRecipe(MLflow, deploy.MLflowVersion(), deploy.Requirements(),
			func(p *Paths, program string) { p.Python = program }),
		pythonRecipe(Interop, deploy.MLflowVersion(), deploy.InteropRequirements(),
			func(p *Paths, program string) { p.Interop = program }),
		pythonRecipe(Bench, deploy.ScikitLearnVersion(), deploy.BenchRequirements(),
			func(p *Paths, program string) { p.Bench = program }),
		pythonRecipe(TritonClient, deploy.TritonClientVersion(), deploy.TritonClientRequirements(),
			func(p *Paths, program string) { p.TritonClient = program }),
		pythonRecipe(FastAPI, deploy.FastAPIVersion(), deploy.FastAPIRequirements(),
			func(p *Paths, program string) { p.FastAPI = program }),
		pythonRecipe(MLServer, deploy.MLServerVersion(), deploy.MLServerRequirements(),
			func(p *Paths, program string) { p.MLServer = program }),
		pythonRecipe(BatchPeers, deploy.PandasVersion(), deploy.BatchRequirements(),
			func(p *Paths, program string) { p.BatchPeers = program }),
		pythonRecipe(Tables, deploy.CatBoostVersion(), deploy.TablesRequirements(),
			func(p *Paths, program string) { p.Tables = program }),
	}
}

// goRecipe compiles a part that is one Go program with the name of the part.
func goRecipe(
	part Part,
	module, version string,
	fits func(context.Context, string) bool,
	set func(*Paths, string),
) recipe {
	return recipe{
		part:    part,
		name:    fmt.Sprintf("%s-%s", part, version),
		title:   fmt.Sprintf("%s %s", part, version),
		program: string(part),
		set:     set,
		onPath: func(ctx context.Context) string {
			program, err := exec.LookPath(string(part))
			if err != nil || !fits(ctx, program) {
				return ""
			}
			return program
		},
		check: func(context.Context) error {
			if _, err := exec.LookPath("go"); err != nil {
				return fmt.Errorf("install %s %s: go is not on PATH: install Go 1.26 or newer, "+
					"or put a %s of at least that version on PATH", part, version, part)
			}
			return nil
		},
		build: func(ctx context.Context, dir string, out io.Writer) error {
			// The program runs here, whatever the caller cross-compiles. `go install` refuses a GOBIN while cross-compiling.
			variables := environment([]string{"GOOS=", "GOARCH=", "GOBIN=", "CGO_ENABLED="}, "GOBIN="+dir, "CGO_ENABLED=0")
			// Without debug information, linking is faster and the program a third smaller.
			return runTool(ctx, dir, variables, out, "go", "install", "-ldflags=-s -w", module+"@"+version)
		},
	}
}

// pythonRecipe makes a virtual environment with pinned requirements. The version is that of its main package.
func pythonRecipe(part Part, version, requirements string, set func(*Paths, string)) recipe {
	return recipe{
		part:    part,
		name:    fmt.Sprintf("%s-%s-%s", part, version, deploy.Hash(requirements)),
		title:   fmt.Sprintf("%s %s", part, version),
		program: filepath.Join("bin", "python"),
		set:     set,
		// Somebody else may change an environment on PATH at any time.
		onPath: func(context.Context) string { return "" },
		check:  checkPython,
		build: func(ctx context.Context, dir string, out io.Writer) error {
			variables := environment([]string{"PYTHON", "VIRTUAL_ENV="})
			if err := runTool(ctx, dir, variables, out, "python3", "-m", "venv", dir); err != nil {
				return err
			}
			list := filepath.Join(dir, "requirements.txt")
			if err := os.WriteFile(list, []byte(requirements), 0o644); err != nil {
				return err
			}
			// The scripts in bin contain the temporary name of the folder. Everything here and later runs `python -m` instead.
			return runTool(ctx, dir, variables, out, filepath.Join(dir, "bin", "python"), "-m", "pip", "install",
				"--no-input", "--disable-pip-version-check", "--progress-bar=off", "-r", list)
		},
	}
}

// checkPython makes sure that python3 is new enough and can make virtual environments.
func checkPython(ctx context.Context) error {
	const need = "MLflow needs Python 3.10 or newer"
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("install mlflow: python3 is not on PATH: " + need)
	}
	const version = `import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 10))`
	out, err := exec.CommandContext(ctx, python, "-c", version).Output()
	if len(out) == 0 {
		return fmt.Errorf("install mlflow: %s does not tell its version: %s", python, need)
	}
	if err != nil {
		return fmt.Errorf("install mlflow: %s is version %s: %s", python, bytes.TrimSpace(out), need)
	}
	if exec.CommandContext(ctx, python, "-c", "import venv, ensurepip").Run() != nil {
		return fmt.Errorf("install mlflow: %s cannot make virtual environments: "+
			"install its venv module (Debian, Ubuntu: apt install python3-venv)", python)
	}
	return nil
}

// runTool runs one command of an installation. When ctx ends, runTool kills the command and every process it started.
func runTool(
	ctx context.Context,
	dir string,
	variables []string,
	out io.Writer,
	name string,
	arguments ...string,
) error {
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, variables, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}
