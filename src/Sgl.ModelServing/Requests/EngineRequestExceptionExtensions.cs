using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>The engine knows a request's fields, but not in which message of the contract they stand.</summary>
internal static class EngineRequestExceptionExtensions
{
    /// <summary>The error with the whole path of its field.</summary>
    /// <param name="error">From the engine.</param>
    /// <param name="field">Path of the message that holds the field, with its dot.</param>
    public static InvalidRequestException Below(this EngineRequestException error, string field) => new(field + error.Field, error.Message, error.Reason());

    /// <summary>What its kind is called in the contract.</summary>
    public static string Reason(this EngineRequestException error) => error.Problem switch
    {
        RequestProblem.PromptTooLong => ErrorReasons.PromptTooLong,
        RequestProblem.BadImage => ErrorReasons.BadImage,
        _ => ErrorReasons.InvalidRequest,
    };
}
