package policy

import (
	"encoding/json"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

// object is a JSON Schema in the making.
type object = map[string]any

// Schema is the JSON Schema of policy files, made from the tables that the
// parser reads by. Keys that belong to the configuration are allowed and not
// described.
func Schema() []byte {
	root := mapping(topKeys, settingKeys, foreignKeys)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "regkeep policy file"
	root["$defs"] = object{
		"patterns": patternsSchema(),
		"remove":   itemSchema(inRemove),
		"keep":     itemSchema(inKeep),
		"protect":  itemSchema(inProtect),
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers can always be written
	}
	return append(out, '\n')
}

// mapping is an object with these keys and no other.
func mapping(tables ...[]key) object {
	properties, required := object{}, []string{}
	for _, k := range slices.Concat(tables...) {
		properties[k.name] = k.schema(k.name)
		if k.required {
			required = append(required, k.name)
		}
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// itemSchema is one condition in a place.
func itemSchema(where place) object {
	properties := object{}
	for _, k := range slices.Concat(conditionKeys, nestingKeys, modifierKeys) {
		if k.where&where != 0 {
			properties[k.name] = k.schema(where.String())
		}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1}
}

func patternsSchema() object {
	one := object{"type": []string{"string", "number", "boolean"}}
	return object{"anyOf": []any{one, object{"type": "array", "items": one, "minItems": 1}}}
}

// schema of the value of a key; list names the definition of the conditions
// that may stand in it.
func (k key) schema(list string) object {
	s := k.valueSchema(list)
	if k.summary != "" {
		s["description"] = k.summary
	}
	if k.fallback != nil {
		s["default"] = k.fallback
	}
	return s
}

func (k key) valueSchema(list string) object {
	const duration = `^([0-9]+y)?([0-9]+mo)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?$`
	items := object{"type": "array", "items": object{"$ref": "#/$defs/" + list}}
	switch k.kind {
	case kindDuration:
		return object{"type": "string", "pattern": duration, "minLength": 2}
	case kindCount:
		return object{"type": "integer", "minimum": 1}
	case kindNumber:
		return object{"type": "integer", "minimum": 0}
	case kindLimit:
		return object{"anyOf": []any{object{"type": "integer", "minimum": 0}, object{"const": "unlimited"}}}
	case kindShare:
		return object{"anyOf": []any{object{"type": "number", "minimum": 0, "maximum": 1}, object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`}}}
	case kindSize:
		return object{"type": "string", "pattern": `^[0-9]+ ?([kKMGT]?B|[KMGT]iB)$`}
	case kindTrue:
		return object{"const": true}
	case kindBool:
		return object{"type": "boolean"}
	case kindChoice:
		return object{"enum": k.choices}
	case kindPatterns:
		return object{"$ref": "#/$defs/patterns"}
	case kindPatternMap:
		return object{"type": "object", "additionalProperties": object{"$ref": "#/$defs/patterns"}, "minProperties": 1}
	case kindSemver:
		return mapping(semverKeys)
	case kindImageTags:
		s := mapping(imageTagsKeys)
		s["minProperties"] = 1
		return s
	case kindOrder:
		return object{"anyOf": []any{object{"enum": k.choices}, mapping(orderKeys)}}
	case kindOrphans:
		return mapping(orphanKeys)
	case kindItem:
		return object{"$ref": "#/$defs/" + list}
	case kindItems:
		if k.name != "protect" {
			items["minItems"] = 1
		}
		return items
	case kindRepository:
		return object{"type": "string", "pattern": oci.RepositoryGrammar}
	case kindText: // a name such as 2024 is a text as it stands, as in patterns
		return object{"type": []string{"string", "number", "boolean"}, "pattern": `\S`}
	case kindVersion:
		return object{"const": 1}
	case kindRules:
		return object{"type": "array", "items": mapping(ruleKeys), "minItems": 1}
	case kindPolicies:
		return object{"type": "array", "items": mapping(policyKeys, settingKeys), "minItems": 1}
	case kindForeign:
		return object{}
	}
	return object{"type": "string", "minLength": 1}
}
