using Google.Protobuf;

namespace Sgl.Client;

/// <summary>Makes requests. What they can say beside is in <see cref="Wire.AnswerRequest"/>: policy, sampling, limits of pictures.</summary>
public static class SglQuestion
{
    /// <summary>A question about pictures.</summary>
    /// <param name="text">The question.</param>
    /// <param name="pictures">Encoded files: PNG, JPEG, WebP, GIF, BMP or TIFF. Their bytes are not copied: they must not change until the answer is there.</param>
    public static Wire.AnswerRequest Of(string text, params ReadOnlyMemory<byte>[] pictures)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(pictures);
        var request = new Wire.AnswerRequest { Messages = { new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = text } } } } };
        request.Images.AddRange(pictures.Select(p => new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(p) }));
        return request;
    }
}
