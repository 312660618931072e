using System.Reflection;
using System.Xml.Linq;

namespace Sgl.Reference.Internal;

/// <summary>Documentation comments, from the XML files that are built beside the assemblies.</summary>
internal static class XmlDocs
{
    private static readonly Dictionary<string, Dictionary<string, XElement>> Files = [];

    /// <summary>Summary and value of a property as one paragraph of Markdown.</summary>
    /// <exception cref="InvalidOperationException">It has no comment.</exception>
    public static string Of(PropertyInfo property) => Of(property.DeclaringType!, $"P:{property.DeclaringType!.FullName}.{property.Name}");

    /// <summary>The summary of a field.</summary>
    /// <exception cref="InvalidOperationException">It has no comment.</exception>
    public static string Of(FieldInfo field) => Of(field.DeclaringType!, $"F:{field.DeclaringType!.FullName}.{field.Name}");

    private static string Of(Type type, string member)
    {
        var comment = Members(type.Assembly).GetValueOrDefault(member.Replace('+', '.'))
            ?? throw new InvalidOperationException($"{member} has no documentation comment");
        return string.Join(' ', new[] { comment.Element("summary"), comment.Element("value") }.Where(e => e is not null).Select(e => Markdown(e!)));
    }

    private static Dictionary<string, XElement> Members(Assembly assembly)
    {
        var name = assembly.GetName().Name!;
        if (!Files.TryGetValue(name, out var members))
        {
            members = XDocument.Load(Path.Combine(AppContext.BaseDirectory, $"{name}.xml")).Descendants("member").ToDictionary(m => (string)m.Attribute("name")!);
            Files[name] = members;
        }

        return members;
    }

    private static string Markdown(XElement element) => string.Join(' ', string.Concat(element.Nodes().Select(n => n switch
    {
        XText text => text.Value.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal),
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement { Name.LocalName: "see" } see => $"`{((string?)see.Attribute("cref") ?? (string?)see.Attribute("langword") ?? string.Empty).Split('.', ':')[^1]}`",
        XElement { Name.LocalName: "paramref" } name => $"`{(string?)name.Attribute("name")}`",
        XElement inner => Markdown(inner),
        _ => string.Empty,
    })).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
