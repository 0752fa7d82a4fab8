package magentotest

// overlay writes the values of one store view over a product: those it has itself in their place, others as custom attributes.
func overlay(product, values []byte) []byte {
	eachMember(values, func(name string, value []byte) bool {
		switch {
		case name == "id" || name == "store_code":
		case member(product, name) != nil || name == "price" || name == "weight":
			product = withMember(product, name, value)
		default:
			attributes := withAttribute(member(product, "custom_attributes"), name, value)
			product = withMember(product, "custom_attributes", attributes)
		}
		return true
	})
	return product
}

// withAttribute replaces or adds one of a product's custom attributes.
func withAttribute(attributes []byte, code string, value []byte) []byte {
	added := append(appendString([]byte(`{"attribute_code":`), code), `,"value":`...)
	added = append(append(added, value...), '}')
	out := []byte{'['}
	add := func(attribute []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, attribute...)
	}
	seen := false
	eachElement(attributes, func(attribute []byte) bool {
		if unquote(member(attribute, "attribute_code")) == code {
			attribute, seen = added, true
		}
		add(attribute)
		return true
	})
	if !seen {
		add(added)
	}
	return append(out, ']')
}
