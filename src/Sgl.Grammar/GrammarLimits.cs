namespace Sgl.Grammar;

/// <summary>Bounds of schemas, and of the grammars made from them.</summary>
public static class GrammarLimits
{
    /// <summary>Most bytes of a schema in UTF-8.</summary>
    public const int MaxSchemaBytes = 1 << 16;

    /// <summary>Deepest nesting of what a schema allows without an end of its own, e.g. by recursion: rules that are open at the same time.</summary>
    public const int MaxDepth = 60;

    /// <summary>Most places of a grammar. Bounded lists and texts take some for each element and character.</summary>
    public const int MaxNodes = 1 << 16;

    /// <summary>Most properties of one object.</summary>
    public const int MaxProperties = 256;

    /// <summary>Most alternatives of one <c>anyOf</c>.</summary>
    public const int MaxAlternatives = 64;

    /// <summary>Most values of one <c>enum</c>.</summary>
    public const int MaxValues = 1024;

    /// <summary>Largest <c>minItems</c> and <c>maxItems</c>.</summary>
    public const int MaxItems = 1024;

    /// <summary>Largest <c>minLength</c> and <c>maxLength</c>.</summary>
    public const int MaxLength = 4096;

    /// <summary>Most digits in front of a number's point, and behind it: what a double holds.</summary>
    public const int MaxDigits = 15;

    /// <summary>Ways in which what was written may be read that are followed at the same time; further ones are dropped, so that fewer texts are accepted than the schema allows.</summary>
    internal const int MaxThreads = 512;

    /// <summary>Places that are looked at for one byte.</summary>
    internal const int MaxVisits = 8192;

    /// <summary>States that a grammar remembers; beyond, it begins anew.</summary>
    internal const int MaxStates = 1024;

    /// <summary>Masks of the vocabulary that a grammar remembers.</summary>
    internal const int MaxMasks = 128;
}
