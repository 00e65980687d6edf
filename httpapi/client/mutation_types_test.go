package client_test

import (
	"slices"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

func TestTheClientNamesEveryMutationTypeOfTheServer(t *testing.T) {
	t.Parallel()
	var named []string
	for _, m := range []api.MutationType{
		api.MutationSet, api.MutationDelete, api.MutationSum, api.MutationMin, api.MutationMax, api.MutationAppend, api.MutationPrepend,
	} {
		named = append(named, string(m))
	}
	if types := kv.MutationTypes(); !slices.Equal(named, types) {
		t.Errorf("package api names %v, the server has %v", named, types)
	}
}
