namespace Sgl.Inference;

/// <summary>What kind of thing is wrong with a request.</summary>
public enum RequestProblem
{
    /// <summary>A value outside its rules.</summary>
    Other,

    /// <summary>The prompt has more tokens than the model takes.</summary>
    PromptTooLong,

    /// <summary>An image cannot be used.</summary>
    BadImage,
}

/// <summary>A request that cannot be served as it is. The message is safe to show to a client.</summary>
public sealed class EngineRequestException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="field">Request field at fault, in contract notation, e.g. <c>images[0].data</c>.</param>
    /// <param name="message">What is wrong and what would be right.</param>
    /// <param name="innerException">Cause.</param>
    public EngineRequestException(string field, string message, Exception? innerException = null)
        : base(message, innerException) => Field = field;

    /// <summary>What kind of thing is wrong.</summary>
    public RequestProblem Problem { get; init; }

    /// <summary>Request field at fault.</summary>
    public string Field { get; }
}
