using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;

namespace Sgl.Router;

/// <summary>Reads <c>messages</c>.</summary>
/// <param name="request">Gets images and turns.</param>
/// <param name="names">Gets where they stand.</param>
/// <param name="mostImages">Images that the models take; null: not known.</param>
/// <param name="items">Parts are called as in <c>/v1/responses</c>: <c>input_text</c>, <c>input_image</c>, <c>output_text</c>.</param>
internal sealed class ChatMessageReader(Wire.AnswerRequest request, ChatFieldNames names, long? mostImages, bool items = false)
{
    private bool _tooManyImages;

    /// <summary>Reads the turns; what the contract itself forbids is left to its rules.</summary>
    public void Read(BodyObject body)
    {
        foreach (var turn in body.Objects("messages"))
        {
            ReadTurn(turn);
        }
    }

    /// <summary>Adds a turn that is one text.</summary>
    public void AddText(Wire.ChatRole role, string text, string path)
    {
        var message = new Wire.ChatMessage { Role = role };
        request.Messages.Add(message);
        AddText(text, path, message);
    }

    /// <summary>Reads a turn.</summary>
    public void ReadTurn(BodyObject turn)
    {
        var message = new Wire.ChatMessage { Role = Role(turn) };
        request.Messages.Add(message);
        foreach (var name in new[] { "tool_calls", "function_call", "audio" })
        {
            if (turn.Has(name, out var value) && !UnsupportedFields.IsEmpty(value))
            {
                turn.Violations.Add(turn.At(name), "is not supported");
            }
        }

        ReadContent(turn, message);
    }

    private static Wire.ChatRole Role(BodyObject turn)
    {
        const string name = "role";
        if (!turn.Has(name, out _))
        {
            turn.Violations.Add(turn.At(name), "is required: system, developer, user or assistant");
            return Wire.ChatRole.User;
        }

        // A wrong role is told here; the contract's rules then look at the rest as if it were a user's.
        return turn.OneOf(
            name, Wire.ChatRole.User,
            ("system", Wire.ChatRole.System), ("developer", Wire.ChatRole.System), ("user", Wire.ChatRole.User), ("assistant", Wire.ChatRole.Assistant));
    }

    private void ReadContent(BodyObject turn, Wire.ChatMessage message)
    {
        const string name = "content";
        var path = turn.At(name);
        if (!turn.Has(name, out var content))
        {
            // An answer that was refused, or empty.
            if (message.Role == Wire.ChatRole.Assistant)
            {
                AddText(turn.Text("refusal"), turn.At("refusal"), message);
                return;
            }

            turn.Violations.Add(path, "is required: a string or a list of parts");
            return;
        }

        switch (content.ValueKind)
        {
            case JsonValueKind.String:
                AddText(turn.Text(name), path, message);
                break;
            case JsonValueKind.Array:
                foreach (var part in turn.Objects(name))
                {
                    ReadPart(part, message);
                }

                break;
            default:
                turn.Violations.Add(path, "must be a string or a list of parts");
                break;
        }
    }

    private void ReadPart(BodyObject part, Wire.ChatMessage message)
    {
        switch (part.Text("type"))
        {
            case "input_text" when items && message.Role != Wire.ChatRole.Assistant:
            case "output_text" when items && message.Role == Wire.ChatRole.Assistant:
            case "text" when !items:
                AddText(PartText(part, "text"), part.Path, message);
                break;
            case "refusal" when message.Role == Wire.ChatRole.Assistant:
                AddText(PartText(part, "refusal"), part.Path, message);
                break;
            case "input_image" when items:
            case "image_url" when !items:
                ReadImage(part, message);
                break;
            case var type:
                part.Violations.Add(
                    part.Path,
                    (type is null ? "needs a type" : $"has type {ViolationList.Quote(type)}, which is not supported")
                    + (items
                        ? ": send {\"type\":\"input_text\",\"text\":...} or {\"type\":\"input_image\",\"image_url\":\"data:...\"}, in assistant turns output_text"
                        : ": send {\"type\":\"text\",\"text\":...} or {\"type\":\"image_url\",\"image_url\":{\"url\":\"data:...\"}}"));
                break;
        }
    }

    private static string? PartText(BodyObject part, string name)
    {
        if (part.Has(name, out var text) && text.ValueKind == JsonValueKind.String)
        {
            return part.Text(text, part.Path);
        }

        part.Violations.Add(part.Path, $"needs {name}, a string");
        return null;
    }

    private void AddText(string? text, string path, Wire.ChatMessage message)
    {
        if (text is not null)
        {
            Add(new Wire.ChatPart { Text = text }, path, message);
        }
    }

    private void ReadImage(BodyObject part, Wire.ChatMessage message)
    {
        const string name = "image_url";
        var path = part.At(name);
        if (items)
        {
            Detail(part);
        }

        if (!part.Has(name, out var url))
        {
            part.Violations.Add(path, "is required: {\"url\":\"data:image/png;base64,...\"}");
            return;
        }

        if (url.ValueKind == JsonValueKind.Object)
        {
            var image = part.Object(name)!.Value;
            Detail(image);
            path = image.At("url");
            if (!image.Has("url", out url))
            {
                part.Violations.Add(path, "is required, e.g. data:image/png;base64,...");
                return;
            }
        }

        if (url.ValueKind != JsonValueKind.String)
        {
            part.Violations.Add(path, "must be a string, e.g. data:image/png;base64,...");
            return;
        }

        if (message.Role != Wire.ChatRole.User)
        {
            part.Violations.Add(part.Path, "images can only be placed in user turns");
            return;
        }

        AddImage(url, path, part, message);
    }

    private static void Detail(BodyObject image)
    {
        if (image.Text("detail") is { } detail and not ("auto" or "high" or "original"))
        {
            image.Violations.Add(
                image.At("detail"), $"{ViolationList.Quote(detail)} is not supported: images are cut as the checkpoint says; for fewer tiles set sgl.image_limits.max_tile_count");
        }
    }

    private void AddImage(JsonElement url, string path, BodyObject part, Wire.ChatMessage message)
    {
        if (request.Images.Count >= mostImages)
        {
            if (!_tooManyImages)
            {
                _tooManyImages = true;
                part.Violations.Add(part.Path, $"is one image too many: at most {mostImages} are accepted");
            }

            return;
        }

        if (Decode(url, out var bytes) is { } problem)
        {
            part.Violations.Add(path, problem);
            return;
        }

        Add(new Wire.ChatPart { ImageIndex = request.Images.Count }, part.Path, message);
        request.Images.Add(new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(bytes) });
        names.AddImage(path);
    }

    private void Add(Wire.ChatPart part, string path, Wire.ChatMessage message)
    {
        names.AddPart(request.Messages.Count - 1, message.Parts.Count, path);
        message.Parts.Add(part);
    }

    /// <summary>From the body's bytes, since an image as a string of the runtime would be twice as large.</summary>
    private static string? Decode(JsonElement url, out ReadOnlyMemory<byte> bytes)
    {
        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(url));
        reader.Read();
        if (!reader.ValueIsEscaped)
        {
            return DataUrl.Decode(reader.ValueSpan, out bytes);
        }

        var plain = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            return DataUrl.Decode(plain.AsSpan(0, reader.CopyString(plain)), out bytes);
        }
        catch (InvalidOperationException)
        {
            bytes = default;
            return "holds text that is not valid Unicode";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
