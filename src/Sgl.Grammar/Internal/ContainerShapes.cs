namespace Sgl.Grammar.Internal;

/// <summary>A property of an object.</summary>
/// <param name="Name">Its name in quotes, as it is written.</param>
/// <param name="Plain">Its name in UTF-8.</param>
/// <param name="Value">The rule of its value.</param>
/// <param name="IsRequired">Whether it is always there.</param>
internal sealed record PropertyShape(byte[] Name, byte[] Plain, Node Value, bool IsRequired);

/// <summary>JSON objects and lists, with at most a space behind each comma and colon.</summary>
internal sealed class ContainerShapes(NodeBuilder build, TextShapes texts)
{
    /// <summary>An object: its properties in their order, then others.</summary>
    /// <param name="properties">Those with a name.</param>
    /// <param name="others">The rule of the others' values; null: there are none.</param>
    /// <param name="next">What comes behind it.</param>
    public Node Object(IReadOnlyList<PropertyShape> properties, Node? others, Node next)
    {
        var close = build.Byte('}', next);
        var (first, later) = (close, close);
        if (others is not null)
        {
            later = build.Jump();
            var other = texts.Name([.. properties.Select(p => p.Plain)], Value(others, later));
            later.Targets = [close, build.Byte(',', build.OptionalSpace(other))];
            first = build.Jump(close, other);
        }

        for (var i = properties.Count - 1; i >= 0; i--)
        {
            var property = build.Literal(properties[i].Name, Value(properties[i].Value, later));
            var behindComma = build.Byte(',', build.OptionalSpace(property));
            (first, later) = properties[i].IsRequired ? (property, behindComma) : (build.Jump(property, first), build.Jump(behindComma, later));
        }

        return build.Byte('{', first);
    }

    /// <summary>A list.</summary>
    /// <param name="item">The rule of its elements.</param>
    /// <param name="least">Fewest elements.</param>
    /// <param name="most">Most elements; null: no limit.</param>
    /// <param name="next">What comes behind it.</param>
    public Node List(Node item, int least, int? most, Node next)
    {
        var close = build.Byte(']', next);
        if (most == 0)
        {
            return build.Byte('[', least == 0 ? close : build.Jump());
        }

        var behind = close;
        if (most is null)
        {
            behind = build.Jump();
            behind.Targets = [close, More(behind)];
        }

        for (var count = (most ?? Math.Max(least, 1)) - 1; count >= 1; count--)
        {
            var more = More(behind);
            behind = count >= least ? build.Jump(close, more) : more;
        }

        var first = build.Call(item, behind);
        return build.Byte('[', least == 0 ? build.Jump(close, first) : first);

        Node More(Node rest) => build.Byte(',', build.OptionalSpace(build.Call(item, rest)));
    }

    private Node Value(Node rule, Node next) => build.Byte(':', build.OptionalSpace(build.Call(rule, next)));
}
