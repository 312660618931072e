using System.Globalization;
using System.Text.Json;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>An object of a body. A member that is <c>null</c> is like one that is absent; one of another type is a violation, and then like absent too.</summary>
/// <param name="Element">The object.</param>
/// <param name="Path">Where it stands; empty for the body.</param>
/// <param name="Violations">Gets what is wrong.</param>
internal readonly record struct BodyObject(JsonElement Element, string Path, ViolationList Violations)
{
    /// <summary>Path of a member.</summary>
    public string At(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    /// <summary>A member that is neither absent nor null.</summary>
    public bool Has(string name, out JsonElement value) => Element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A text.</summary>
    public string? Text(string name)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return Text(value, At(name));
        }

        Violations.Add(At(name), "must be a string");
        return null;
    }

    /// <summary>A text; JSON may hold some that no string can: bytes that are not UTF-8, half a surrogate pair.</summary>
    public string? Text(JsonElement value, string path)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            Violations.Add(path, "holds text that is not valid Unicode");
            return null;
        }
    }

    /// <summary>True or false.</summary>
    public bool Flag(string name)
    {
        if (!Has(name, out var value))
        {
            return false;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Violations.Add(At(name), "must be true or false");
        return false;
    }

    /// <summary>A whole number, however it is written: 16, 16.0 and 1.6e1 are the same.</summary>
    /// <param name="name">The member.</param>
    /// <param name="least">Smallest; below it is a violation.</param>
    /// <param name="most">Largest; above it is a violation.</param>
    public decimal? Whole(string name, decimal least, decimal most)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number || (value.TryGetDecimal(out var number) && number != decimal.Truncate(number)))
        {
            Violations.Add(At(name), "must be a whole number");
            return null;
        }

        if (!value.TryGetDecimal(out number))
        {
            number = value.TryGetDouble(out var huge) && huge < 0 ? decimal.MinValue : decimal.MaxValue;
        }

        if (number >= least && number <= most)
        {
            return number;
        }

        var range = most == decimal.MaxValue ? $"of at least {least}" : $"from {least} to {most}";
        Violations.Add(At(name), string.Create(CultureInfo.InvariantCulture, $"must be a whole number {range}, was {ViolationList.Quote(value.GetRawText()).Trim('\'')}"));
        return null;
    }

    /// <summary>A number.</summary>
    public double? Number(string name)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        Violations.Add(At(name), value.ValueKind == JsonValueKind.Number ? "is beyond every number that is computed with" : "must be a number");
        return null;
    }

    /// <summary>An object.</summary>
    public BodyObject? Object(string name)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return new BodyObject(value, At(name), Violations);
        }

        Violations.Add(At(name), "must be an object");
        return null;
    }

    /// <summary>The objects of a list.</summary>
    public IEnumerable<BodyObject> Objects(string name)
    {
        if (!Has(name, out var list))
        {
            yield break;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            Violations.Add(At(name), "must be a list");
            yield break;
        }

        var index = 0;
        foreach (var value in list.EnumerateArray())
        {
            var path = $"{At(name)}[{index++}]";
            if (value.ValueKind == JsonValueKind.Object)
            {
                yield return new BodyObject(value, path, Violations);
            }
            else
            {
                Violations.Add(path, value.ValueKind == JsonValueKind.Null ? "is null; send an object" : "must be an object");
            }
        }
    }

    /// <summary>The texts of a list, each with its path.</summary>
    public IEnumerable<(string Text, string Path)> Texts(string name)
    {
        if (!Has(name, out var list))
        {
            yield break;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            Violations.Add(At(name), "must be a list of strings");
            yield break;
        }

        var index = 0;
        foreach (var value in list.EnumerateArray())
        {
            var path = $"{At(name)}[{index++}]";
            if (value.ValueKind != JsonValueKind.String)
            {
                Violations.Add(path, "must be a string");
            }
            else if (Text(value, path) is { } text)
            {
                yield return (text, path);
            }
        }
    }

    /// <summary>One of some names.</summary>
    public T OneOf<T>(string name, T absent, params ReadOnlySpan<(string Name, T Value)> known)
    {
        if (Text(name) is not { } text)
        {
            return absent;
        }

        foreach (var (key, value) in known)
        {
            if (key == text)
            {
                return value;
            }
        }

        var names = new List<string>();
        foreach (var (key, _) in known)
        {
            names.Add(key);
        }

        Violations.Add(At(name), $"{ViolationList.Quote(text)} is not known; use one of {string.Join(", ", names)}");
        return absent;
    }

    /// <summary>Refuses members that are none of these, with the one that was probably meant.</summary>
    public void Only(params string[] known)
    {
        foreach (var member in Element.EnumerateObject())
        {
            if (!known.Contains(member.Name))
            {
                var name = ViolationList.Quote(member.Name).Trim('\'');
                var meant = known.MinBy(k => Spelling.Distance(k, name))!;
                Violations.Add(
                    At(name), Spelling.Distance(meant, name) <= 1 + (meant.Length / 3) ? $"is not a field; did you mean {meant}?" : $"is not a field; the fields are {string.Join(", ", known)}");
            }
        }
    }
}
