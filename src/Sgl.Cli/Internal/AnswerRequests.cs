using Sgl.Requests;

namespace Sgl.Cli.Internal;

/// <summary>Questions as requests.</summary>
internal static class AnswerRequests
{
    /// <summary>One user turn about some images, after an optional system message.</summary>
    public static Wire.AnswerRequest Create(IEnumerable<ImageFile> images, string question, string? system = null)
    {
        var request = new Wire.AnswerRequest();
        if (system is not null)
        {
            request.Messages.Add(Turn(Wire.ChatRole.System, system));
        }

        request.Messages.Add(Turn(Wire.ChatRole.User, question));
        request.Images.AddRange(images.Select(i => i.ToWire()));
        return request;
    }

    /// <summary>Answers that satisfy the schema in a file.</summary>
    /// <exception cref="CliException">The file cannot be read, or its schema cannot be enforced.</exception>
    public static Wire.ResponseFormat JsonOf(string file)
    {
        try
        {
            var format = new Wire.ResponseFormat { JsonSchema = File.ReadAllText(file) };
            // Before two models are loaded for nothing.
            return ViolationList.Of(violations => ResponseFormatRules.Read(format, "response_format", violations)) is [var wrong, ..]
                ? throw new CliException($"schema '{file}': {wrong.Field}: {wrong.Description}")
                : format;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"schema '{file}' cannot be read: {e.Message}", innerException: e);
        }
    }

    private static Wire.ChatMessage Turn(Wire.ChatRole role, string text)
    {
        var message = new Wire.ChatMessage { Role = role };
        message.Parts.Add(new Wire.ChatPart { Text = text });
        return message;
    }
}
