package kv_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/buntime/keyval/kv"
)

func TestEveryMutationTypeHasAFormAndItsName(t *testing.T) {
	t.Parallel()
	for _, name := range kv.MutationTypes() {
		parsed, ok := kv.ParseMutationType(name)
		if !ok || parsed.Form() == 0 {
			t.Errorf("%s: got type %d with form %d, known: %v", name, parsed, parsed.Form(), ok)
		}
	}
	for _, name := range []string{"tpye", ""} {
		if parsed, ok := kv.ParseMutationType(name); ok {
			t.Errorf("%q was taken for type %d", name, parsed)
		}
	}
	if form := kv.MutationCompute.Form(); form != 0 || slices.Contains(kv.MutationTypes(), "") {
		t.Errorf("REST has the type without a name, with form %d", form)
	}
}

func TestAMutationWithoutATypeOrAnOperandIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	for _, m := range []kv.Mutation{
		{Key: mustKey(t, "a"), Value: []byte("1")},
		{Type: 99, Key: mustKey(t, "a"), Value: []byte("1")},
		{Type: kv.MutationSum, Key: mustKey(t, "a")},
		{Type: kv.MutationCompute, Key: mustKey(t, "a")},
	} {
		_, err := s.Atomic(t.Context(), kv.AtomicRequest{Mutations: []kv.Mutation{m}})
		if !errors.Is(err, kv.ErrInvalidArgument) && !errors.Is(err, kv.ErrInvalidValue) {
			t.Errorf("%v: got %v, want a refusal", m, err)
		}
	}
}
