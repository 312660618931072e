using Sgl.Hosting;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Reads a request's images within its limits: their headers first, since what they cost follows from these. Thread-safe.</summary>
/// <param name="limits">Limits of one request.</param>
public sealed class ImageReader(RequestLimits limits)
{
    private readonly ImageDecoder _decoder = new(limits.DecoderOptions());
    private readonly ImageDecoderOptions _options = limits.DecoderOptions();

    /// <summary>Reads all headers, and notes each image that cannot be used. No pixel is decoded.</summary>
    /// <param name="images">As they came.</param>
    /// <param name="maxImages">Most images of one request; with more, none is looked at.</param>
    /// <param name="field">Path of the list, e.g. <c>input.images</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    /// <returns>One for each image, null for those that cannot be used; empty where the images together are too many or too large.</returns>
    public IReadOnlyList<ImageHeader?> ReadHeaders(IReadOnlyList<Wire.Image> images, int maxImages, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(violations);
        if (!RequestRules.CheckImageCount(images.Count, maxImages, field, violations))
        {
            return [];
        }

        var headers = new List<ImageHeader?>(images.Count);
        long pixels = 0;
        for (var i = 0; i < images.Count; i++)
        {
            try
            {
                var header = _decoder.ReadHeader(images[i].Data.Span);
                pixels += (long)header.Width * header.Height;
                headers.Add(header);
            }
            catch (ImageException e)
            {
                headers.Add(null);
                Note(images, i, field, e, violations);
            }

            if (pixels > limits.MaxRequestPixels)
            {
                violations.Add(field, $"the images have more than {limits.MaxRequestPixels} pixels together, the limit of one request");
                return [];
            }
        }

        return headers;
    }

    /// <summary>Decodes all images whose headers are good, and notes each that cannot be decoded.</summary>
    /// <param name="images">As they came.</param>
    /// <param name="headers">From <see cref="ReadHeaders"/>.</param>
    /// <param name="field">Path of the list, e.g. <c>input.images</c>.</param>
    /// <param name="violations">Gets what is wrong; the result is then not to be used.</param>
    /// <param name="cancellationToken">Ends the work between two bands of rows.</param>
    public IReadOnlyList<RgbImage> Decode(
        IReadOnlyList<Wire.Image> images, IReadOnlyList<ImageHeader?> headers, string field, ViolationList violations, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(headers);
        ArgumentNullException.ThrowIfNull(violations);
        var decoded = new List<RgbImage>(images.Count);
        for (var i = 0; i < headers.Count; i++)
        {
            if (headers[i] is null)
            {
                continue;
            }

            try
            {
                decoded.Add(_decoder.Decode(images[i].Data.Memory, cancellationToken));
            }
            catch (ImageException e)
            {
                Note(images, i, field, e, violations);
            }
        }

        return decoded;
    }

    /// <summary>Sizes of the pictures as they are handed out.</summary>
    /// <param name="headers">Of good images.</param>
    public IReadOnlyList<(int Width, int Height)> Sizes(IReadOnlyList<ImageHeader> headers) => [.. headers.Select(h => h.SizeAs(_options))];

    private static void Note(IReadOnlyList<Wire.Image> images, int index, string field, ImageException error, ViolationList violations)
    {
        const int longest = 80;
        var name = images[index].Name;
        var shown = name.Length <= longest ? name : string.Concat(name.AsSpan(0, longest), "...");
        violations.Add($"{field}[{index}].data", name.Length == 0 ? error.Message : $"{shown}: {error.Message}", ErrorReasons.BadImage);
    }
}
