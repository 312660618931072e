namespace Sgl.Grammar;

/// <summary>A schema that cannot be enforced.</summary>
public sealed class GrammarException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="path">Where in the schema, e.g. <c>properties.age.multipleOf</c>; empty: the schema as a whole.</param>
    /// <param name="message">What is wrong and what would be right.</param>
    public GrammarException(string path, string message)
        : base(message) => Path = path;

    /// <summary>Where in the schema, e.g. <c>properties.age.multipleOf</c>; empty: the schema as a whole.</summary>
    public string Path { get; }
}
