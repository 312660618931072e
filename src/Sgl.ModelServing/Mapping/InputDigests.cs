using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Sgl.Hosting;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Digests that tie guidance to the input it was made from.</summary>
public static class InputDigests
{
    /// <summary>Digests of an input.</summary>
    /// <param name="input">As it came from the wire, valid.</param>
    /// <param name="visualLayoutKey">Of the model that sees it.</param>
    /// <param name="imageOrder">Indices of the images in prompt order.</param>
    public static Wire.InputDigest Of(ChatInput input, string visualLayoutKey, IReadOnlyList<int> imageOrder) =>
        Of(input, [.. (input ?? throw new ArgumentNullException(nameof(input))).Images.Select(i => PictureDigest.Of(i.Data.Span))], visualLayoutKey, imageOrder);

    /// <summary>Digests of an input whose images' are known.</summary>
    /// <param name="input">As it came from the wire, valid.</param>
    /// <param name="images">Of its images.</param>
    /// <param name="visualLayoutKey">Of the model that sees it.</param>
    /// <param name="imageOrder">Indices of the images in prompt order.</param>
    public static Wire.InputDigest Of(ChatInput input, IReadOnlyList<PictureDigest> images, string visualLayoutKey, IReadOnlyList<int> imageOrder)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(imageOrder);
        return new Wire.InputDigest
        {
            VisualSha256 = Visual(input, images, visualLayoutKey, imageOrder),
            PromptSha256 = Prompt(input.Messages, input.KeepPartOrder),
        };
    }

    /// <summary>Notes where guidance was made from another input. An empty digest is not compared.</summary>
    /// <param name="claimed">What the guidance says it was made from; null: nothing is said.</param>
    /// <param name="actual">The input's.</param>
    /// <param name="field">Path of the claimed digest.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.InputDigest? claimed, Wire.InputDigest actual, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(violations);
        if (claimed is null)
        {
            return;
        }

        Compare(claimed.VisualSha256, actual.VisualSha256, $"{field}.visual_sha256", "other images, other image limits, or for a model that cuts images differently", violations);
        Compare(claimed.PromptSha256, actual.PromptSha256, $"{field}.prompt_sha256", "another chat", violations);
    }

    private static void Compare(ByteString claimed, ByteString actual, string field, string what, ViolationList violations)
    {
        if (!claimed.IsEmpty && !claimed.Equals(actual))
        {
            violations.Add(field, $"the guidance was made from {what}: expected {Short(actual)}, found {Short(claimed)}", ErrorReasons.DigestMismatch);
        }
    }

    private static string Short(ByteString digest) => Convert.ToHexStringLower(digest.Span[..Math.Min(6, digest.Length)]) + "...";

    private static ByteString Visual(ChatInput input, IReadOnlyList<PictureDigest> images, string visualLayoutKey, IReadOnlyList<int> imageOrder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, visualLayoutKey);
        var limits = input.ImageLimits;
        Append(hash, limits is { HasMinTileCount: true } ? limits.MinTileCount : -1);
        Append(hash, limits is { HasMaxTileCount: true } ? limits.MaxTileCount : -1);
        Append(hash, limits is { HasMinPixels: true } ? limits.MinPixels : -1);
        Append(hash, limits is { HasMaxPixels: true } ? limits.MaxPixels : -1);
        Append(hash, imageOrder.Count);
        Span<byte> image = stackalloc byte[SHA256.HashSizeInBytes];
        foreach (var index in imageOrder)
        {
            images[index].CopyTo(image);
            hash.AppendData(image);
        }

        return ByteString.CopyFrom(hash.GetHashAndReset());
    }

    private static ByteString Prompt(IReadOnlyList<Wire.ChatMessage> messages, bool keepPartOrder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (keepPartOrder)
        {
            Append(hash, "keep_part_order");
        }

        foreach (var message in messages)
        {
            Append(hash, (long)message.Role);
            Append(hash, message.Parts.Count);
            foreach (var part in message.Parts)
            {
                Append(hash, (long)part.ContentCase);
                if (part.ContentCase == Wire.ChatPart.ContentOneofCase.Text)
                {
                    Append(hash, part.Text);
                }
                else
                {
                    Append(hash, part.ImageIndex);
                }
            }
        }

        return ByteString.CopyFrom(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string text)
    {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        var bytes = Encoding.UTF8.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
