using System.Numerics;
using Sgl.Hosting;

namespace Sgl.Requests;

/// <summary>
/// Collects what is wrong with a request, so that a client learns it at once. A dozen is enough: the last of them ends the request, so that a message of
/// millions of mistakes costs no more than one of twelve, whoever looks for them.
/// </summary>
public sealed class ViolationList
{
    /// <summary>Violations after which nobody looks further.</summary>
    public const int Most = 12;

    private const int LongestText = 600;
    private readonly List<FieldViolation> _all = [];

    /// <summary>What was found so far, in the order it was found.</summary>
    public IReadOnlyList<FieldViolation> All => _all;

    /// <summary>Whether anything was found.</summary>
    public bool Any => _all.Count > 0;

    /// <summary>What a check finds, at most <see cref="Most"/>.</summary>
    /// <param name="check">Adds to the list it is given.</param>
    public static IReadOnlyList<FieldViolation> Of(Action<ViolationList> check)
    {
        ArgumentNullException.ThrowIfNull(check);
        var found = new ViolationList();
        try
        {
            check(found);
        }
        catch (InvalidRequestException) when (found._all.Count >= Most)
        {
            // As many as are told.
        }

        return found.All;
    }

    /// <summary>Text of a request as it may stand in a description: short.</summary>
    /// <param name="text">From the client.</param>
    public static string Quote(string? text) => text is null ? "null" : text.Length <= 60 ? $"'{text}'" : $"'{text.AsSpan(0, 60)}...'";

    /// <summary>Notes a violation.</summary>
    /// <param name="field">Request field in contract notation, e.g. <c>images[0].data</c>.</param>
    /// <param name="description">What is wrong and what would be right; shown to the client.</param>
    /// <param name="reason">One of <see cref="ErrorReasons"/>, for programs.</param>
    /// <exception cref="InvalidRequestException">The list is full.</exception>
    public void Add(string field, string description, string reason = ErrorReasons.InvalidRequest)
    {
        _all.Add(new FieldViolation(Short(field), Short(description), reason));
        if (_all.Count >= Most)
        {
            ThrowIfAny();
        }
    }

    /// <summary>Notes a number outside its range; what is not a number is outside of every one.</summary>
    /// <returns>Whether it is inside.</returns>
    public bool RequireBetween<T>(T value, T least, T most, string field)
        where T : INumber<T>
    {
        if (value >= least && value <= most)
        {
            return true;
        }

        Add(field, FormattableString.Invariant($"must be between {least} and {most}, was {value}"));
        return false;
    }

    /// <summary>Notes a value that its enumeration does not have.</summary>
    public void RequireKnown<T>(T value, string field)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            Add(field, $"{value:D} is not a value of {typeof(T).Name}");
        }
    }

    /// <summary>Ends the request where anything was found.</summary>
    /// <exception cref="InvalidRequestException">With all violations.</exception>
    public void ThrowIfAny()
    {
        if (Any)
        {
            throw new InvalidRequestException([.. _all]);
        }
    }

    private static string Short(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= LongestText ? text : string.Concat(text.AsSpan(0, LongestText), "...");
    }
}
