package httpapi

import (
	"maps"
	"slices"
)

// A schema is a JSON Schema of draft 2020-12, as far as OpenAPI 3.1 needs it
// here. Type is a name or a list of names.
type schema struct {
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
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// AdditionalProperties is a bool or a *schema.
	AdditionalProperties any       `json:"additionalProperties,omitempty"`
	OneOf                []*schema `json:"oneOf,omitempty"`
	AnyOf                []*schema `json:"anyOf,omitempty"`

	any bool // see anyJSON
}

// members describes the members of an object.
type members map[string]*schema

// and returns m with one more member.
func (m members) and(name string, s *schema) members {
	more := maps.Clone(m)
	more[name] = s
	return more
}

// takesNull tells whether null is a value of the member that s describes. For any
// other, null means that the member is absent.
func (s *schema) takesNull() bool { return s.any || s == versionstampOrNull }

// object is a closed object: members that are not listed are refused.
func object(props members, required ...string) *schema {
	return &schema{Type: "object", Properties: props, Required: required, AdditionalProperties: false}
}

func array(items *schema) *schema { return &schema{Type: "array", Items: items} }

func text(doc string) *schema { return &schema{Type: "string", Description: doc} }

func integer(doc string) *schema { return &schema{Type: "integer", Description: doc} }

func boolean(doc string) *schema { return &schema{Type: "boolean", Description: doc} }

// ref names a schema of components (see sharedSchemas).
func ref(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

// anyJSON is a value as users store it.
func anyJSON(doc string) *schema { return &schema{Description: doc, any: true} }

// versionstampOrNull is of an entry that may be missing.
var versionstampOrNull = ref("VersionstampOrNull")

// orNull is s for a body: each member that may be absent may be null instead.
func (s *schema) orNull() *schema {
	if s.Properties == nil && s.Items == nil {
		return s
	}
	loose := *s
	if s.Items != nil {
		loose.Items = s.Items.orNull()
	}
	loose.Properties = maps.Clone(s.Properties)
	for name, member := range s.Properties {
		if member = member.orNull(); !slices.Contains(s.Required, name) && !member.takesNull() {
			member = &schema{AnyOf: []*schema{member, {Type: "null"}}}
		}
		loose.Properties[name] = member
	}
	return &loose
}

// always is a member that has one value only.
func always(value any) *schema { return &schema{Const: value} }
