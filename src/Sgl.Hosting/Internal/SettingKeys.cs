using System.Collections;
using System.Reflection;

namespace Sgl.Hosting.Internal;

/// <summary>A section of settings that a service reads.</summary>
/// <param name="Name">Name of the section.</param>
/// <param name="Type">What it is bound to.</param>
internal sealed record SettingsSection(string Name, Type Type);

/// <summary>One setting, as a type declares it.</summary>
/// <param name="Key">Full key; places in lists are 0.</param>
/// <param name="Type">Type of the value.</param>
/// <param name="Default">Value without configuration, or null.</param>
/// <param name="Property">Where it is declared.</param>
internal sealed record SettingKey(string Key, Type Type, object? Default, PropertyInfo Property);

/// <summary>Lists the settings of sections, and finds what a misspelt key was meant to be.</summary>
internal static class SettingKeys
{
    /// <summary>All settings of a section.</summary>
    public static IEnumerable<SettingKey> Of(SettingsSection section) => Of(section.Type, section.Name, null);

    /// <summary>The key that is nearest to a misspelt one, or null where none is near.</summary>
    public static string? Nearest(string key, IEnumerable<SettingsSection> sections)
    {
        var known = sections.SelectMany(Of).Select(k => k.Key).ToList();
        var last = key.Split(':')[^1];

        // A key without its section is the likeliest mistake: --Port, or --Port in another section.
        var exact = known.Where(k => k.Split(':')[^1].Equals(last, StringComparison.OrdinalIgnoreCase)).ToList();
        if (exact.Count > 0)
        {
            return exact.MinBy(k => Spelling.Distance(k, key));
        }

        var (best, distance) = known.Select(k => (k, Spelling.Distance(k, key))).DefaultIfEmpty((string.Empty, int.MaxValue)).MinBy(k => k.Item2);
        return distance <= Math.Max(2, key.Length / 4) ? best : null;
    }

    /// <param name="type">Of the settings.</param>
    /// <param name="prefix">Their key so far.</param>
    /// <param name="example">Where the defaults are: what the settings around these begin with, since two of one type may begin with different values.</param>
    private static IEnumerable<SettingKey> Of(Type type, string prefix, object? example)
    {
        example ??= type.GetConstructor(Type.EmptyTypes) is null ? null : Activator.CreateInstance(type);
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0))
        {
            var inner = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            var key = $"{prefix}:{property.Name}";
            var list = Element(inner) is not null;
            if (Element(inner) is { } element)
            {
                key += ":0";
                inner = element;
            }
            else if (!property.CanWrite && IsValue(inner))
            {
                continue;
            }

            if (!IsValue(inner))
            {
                foreach (var nested in Of(inner, key, list || example is null ? null : property.GetValue(example)))
                {
                    yield return nested;
                }
            }
            else
            {
                yield return new SettingKey(key, inner, example is null || key.EndsWith(":0", StringComparison.Ordinal) ? null : property.GetValue(example), property);
            }
        }
    }

    private static Type? Element(Type type) => type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type)
        ? type.IsArray ? type.GetElementType() : type.GetGenericArguments().FirstOrDefault()
        : null;

    private static bool IsValue(Type type) => type.IsValueType || type == typeof(string) || type == typeof(Uri);
}
