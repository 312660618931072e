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

    private static Wire.ChatMessage Turn(Wire.ChatRole role, string text)
    {
        var message = new Wire.ChatMessage { Role = role };
        message.Parts.Add(new Wire.ChatPart { Text = text });
        return message;
    }
}
