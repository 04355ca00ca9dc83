package kind

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"linkd/pkg/spec"
)

// BenchmarkPopulation is what a container that comes or goes costs where a hundred have the label of a template.
func BenchmarkPopulation(b *testing.B) {
	file := filepath.Join(b.TempDir(), "label.yaml")
	text, err := os.ReadFile("../../examples/label.yaml")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		b.Fatal(err)
	}
	var instances []spec.Instance
	for i := range 100 {
		id := fmt.Sprintf("%012d", i)
		instances = append(instances, spec.Instance{
			Name: fmt.Sprintf("c%03d", i), ID: id, Selector: spec.Selector{Scheme: "docker", Value: id},
			Labels: map[string]string{"linkd.address": fmt.Sprintf("172.17.1.%d/16", i+1)},
		})
	}
	lang := Language()
	lang.Instances = func(spec.Selector) ([]spec.Instance, error) { return instances, nil }
	loader := spec.NewLoader(lang, "")
	for b.Loop() {
		files, err := spec.ReadFiles([]string{file})
		if err != nil {
			b.Fatal(err)
		}
		desired, _, _, errs := loader.Load(files)
		if len(errs) > 0 || desired.Resources.Len() < 500 {
			b.Fatal(errs, desired.Resources.Len())
		}
	}
}
