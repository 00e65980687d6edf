package datapath_test

import (
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
)

func TestTheGeneratedCodeIsOfTheProtoFile(t *testing.T) {
	t.Parallel()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(t.Context(), "datapath.proto")
	if err != nil {
		t.Fatal(err)
	}
	want, got := protodesc.ToFileDescriptorProto(files[0]), protodesc.ToFileDescriptorProto(datapath.File_httpapi_kvconnect_datapath_datapath_proto)
	got.Name = want.Name
	if !proto.Equal(got, want) {
		t.Errorf("datapath.pb.go is of another file, run: make proto\ngot %s\nwant %s", prototext.Format(got), prototext.Format(want))
	}
}
