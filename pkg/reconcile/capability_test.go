package reconcile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Nothing asks a kind or a resource by a type assertion what it can do: a method that was renamed would not be found, and
// nobody would be told.
func TestCapabilitiesAreRegistered(t *testing.T) {
	// R is the type of the resources of a kind, and the others are no resources.
	allowed := []string{"R", "int", "sameEvent", "*task"}
	names, err := filepath.Glob("*.go")
	must(t, err)
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if a, is := n.(*ast.TypeAssertExpr); is && (a.Type == nil || !slices.Contains(allowed, types.ExprString(a.Type))) {
				t.Errorf("%s: asserts a type", files.Position(n.Pos()))
			}
			return true
		})
	}
}
