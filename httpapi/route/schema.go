package route

import (
	"maps"
	"slices"
	"strings"
)

// A Schema is a JSON Schema of draft 2020-12, as far as OpenAPI 3.1 needs it
// here. Type is a name or a list of names.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"`
	Description string             `json:"description,omitempty"`
	Format      string             `json:"format,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Const       any                `json:"const,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MaxItems    int                `json:"maxItems,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// AdditionalProperties is a bool or a *Schema.
	AdditionalProperties any       `json:"additionalProperties,omitempty"`
	OneOf                []*Schema `json:"oneOf,omitempty"`
	AnyOf                []*Schema `json:"anyOf,omitempty"`

	any      bool // see AnyJSON
	nullable bool // see Nullable
}

// Members describes the members of an object.
type Members map[string]*Schema

// And returns m with one more member.
func (m Members) And(name string, s *Schema) Members {
	more := maps.Clone(m)
	more[name] = s
	return more
}

// takesNull tells whether null is a value of the member that s describes. For any
// other, null means that the member is absent.
func (s *Schema) takesNull() bool { return s.any || s.nullable }

// Object is a closed object: members that are not listed are refused.
func Object(props Members, required ...string) *Schema {
	return &Schema{Type: "object", Properties: props, Required: required, AdditionalProperties: false}
}

// Array has elements of one kind.
func Array(items *Schema) *Schema { return &Schema{Type: "array", Items: items} }

// Text is a string.
func Text(doc string) *Schema { return &Schema{Type: "string", Description: doc} }

// Integer is a whole number.
func Integer(doc string) *Schema { return &Schema{Type: "integer", Description: doc} }

// Boolean is true or false.
func Boolean(doc string) *Schema { return &Schema{Type: "boolean", Description: doc} }

// Ref names a schema of components (see Room.Schemas).
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// AnyJSON is a value as users store it.
func AnyJSON(doc string) *Schema { return &Schema{Description: doc, any: true} }

// Nullable is s for a member of which null is a value.
func (s *Schema) Nullable() *Schema {
	n := *s
	n.nullable = true
	return &n
}

// OrNull is s for a body: each member that may be absent may be null instead.
func (s *Schema) OrNull() *Schema {
	if s.Properties == nil && s.Items == nil {
		return s
	}
	loose := *s
	if s.Items != nil {
		loose.Items = s.Items.OrNull()
	}
	loose.Properties = maps.Clone(s.Properties)
	for name, member := range s.Properties {
		if member = member.OrNull(); !slices.Contains(s.Required, name) && !member.takesNull() {
			member = &Schema{AnyOf: []*Schema{member, {Type: "null"}}}
		}
		loose.Properties[name] = member
	}
	return &loose
}

// Always is a member that has one value only.
func Always(value any) *Schema { return &Schema{Const: value} }

// Capitalised is name as the later part of a longer one.
func Capitalised(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
