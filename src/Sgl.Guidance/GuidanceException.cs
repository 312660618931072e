namespace Sgl.Guidance;

/// <summary>
/// A mask, ranking, ratio, plan or option that does not describe a valid guidance.
/// Services map it to <c>INVALID_ARGUMENT</c> with <see cref="Field"/> as the violated field.
/// </summary>
public sealed class GuidanceException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="field">Path of the wrong value, e.g. <c>steps[1].mask</c>.</param>
    /// <param name="message">What was expected and what was found.</param>
    public GuidanceException(string field, string message)
        : base($"{field}: {message}") => (Field, Problem) = (field, message);

    /// <summary>Path of the wrong value in snake case, e.g. <c>keep_ratio</c> or <c>steps[1].mask</c>.</summary>
    public string Field { get; }

    /// <summary>The message without the field in front.</summary>
    public string Problem { get; }
}
