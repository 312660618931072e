using System.Text.Json;

namespace Sgl.Router;

/// <summary>Reads <c>instructions</c> and <c>input</c> of <c>/v1/responses</c> as turns.</summary>
/// <param name="request">Gets images and turns.</param>
/// <param name="names">Gets where they stand.</param>
/// <param name="mostImages">Images that the models take; null: not known.</param>
internal sealed class ResponseInputReader(Wire.AnswerRequest request, ChatFieldNames names, long? mostImages)
{
    private readonly ChatMessageReader _turns = new(request, names, mostImages, items: true);

    /// <summary>Reads them.</summary>
    /// <returns>The instructions; null: none.</returns>
    public string? Read(BodyObject body)
    {
        var instructions = body.Text("instructions");
        if (!string.IsNullOrEmpty(instructions))
        {
            _turns.AddText(Wire.ChatRole.System, instructions, "instructions");
        }

        names.Turns = "input";
        names.FirstTurn = request.Messages.Count;
        if (!body.Has("input", out var input))
        {
            body.Violations.Add("input", "is required: a string or a list of messages");
        }
        else if (input.ValueKind == JsonValueKind.String)
        {
            if (body.Text("input") is { } text)
            {
                _turns.AddText(Wire.ChatRole.User, text, "input");
            }
        }
        else if (input.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in body.Objects("input"))
            {
                if (item.Text("type") is { } type and not "message")
                {
                    item.Violations.Add(item.At("type"), $"{ViolationList.Quote(type)} is not supported: send messages, with role and content");
                    continue;
                }

                _turns.ReadTurn(item);
            }
        }
        else
        {
            body.Violations.Add("input", "must be a string or a list of messages");
        }

        return instructions;
    }
}
