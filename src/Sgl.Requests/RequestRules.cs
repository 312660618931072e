using Sgl.Hosting;

namespace Sgl.Requests;

/// <summary>The part that the requests of router and model services have in common, as it came from the wire.</summary>
/// <param name="Images">Encoded images.</param>
/// <param name="Messages">Turns, oldest first.</param>
/// <param name="Sampling">Null: defaults.</param>
/// <param name="ImageLimits">Null: the checkpoint's.</param>
/// <param name="KeepPartOrder">Images stay where the parts place them, also in families that are trained with images first.</param>
/// <param name="Tenant">Whom it is from.</param>
/// <param name="Field">Path of the message that holds these fields, with its dot; empty for the request itself.</param>
/// <param name="ResponseFormat">Null: any text.</param>
public sealed record ChatInput(
    IReadOnlyList<Wire.Image> Images,
    IReadOnlyList<Wire.ChatMessage> Messages,
    Wire.Sampling? Sampling,
    Wire.ImageLimits? ImageLimits,
    bool KeepPartOrder = false,
    Tenant Tenant = default,
    string Field = "",
    Wire.ResponseFormat? ResponseFormat = null);

/// <summary>What can be checked without a model: structure of the chat, ranges of sampling and image limits, number and size of images.</summary>
public static class RequestRules
{
    /// <summary>Notes what is wrong with chat, sampling and image limits.</summary>
    /// <param name="input">From the wire.</param>
    /// <param name="maxNewTokens">The limit of new tokens; null: not known here.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(ChatInput input, long? maxNewTokens, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(input);
        ChatRules.Check(input.Messages, input.Images.Count, $"{input.Field}messages", violations);
        SamplingRules.Check(input.Sampling, maxNewTokens, $"{input.Field}sampling", violations);
        ImageLimitRules.Check(input.ImageLimits, $"{input.Field}image_limits", violations);
    }

    /// <summary>Notes images that are refused unseen.</summary>
    /// <param name="images">As they came.</param>
    /// <param name="most">Most images; null: not known here.</param>
    /// <param name="mostBytes">Most bytes of one; null: not known here.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void CheckImages(IReadOnlyList<Wire.Image> images, long? most, long? mostBytes, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(images);
        CheckImageCount(images.Count, most, "images", violations);
        for (var i = 0; i < images.Count; i++)
        {
            var length = images[i].Data.Length;
            if (length == 0)
            {
                violations.Add($"images[{i}].data", "is empty; send the bytes of an image file");
            }
            else if (length > mostBytes)
            {
                violations.Add($"images[{i}].data", $"has {length} bytes, at most {mostBytes} are accepted");
            }
        }
    }

    /// <summary>Notes that there are too many images.</summary>
    /// <returns>Whether there are not.</returns>
    public static bool CheckImageCount(int count, long? most, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (count > most)
        {
            violations.Add(field, $"at most {most} images are accepted, found {count}");
            return false;
        }

        return true;
    }
}
