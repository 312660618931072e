using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Decodes a request's images within its limits. Thread-safe.</summary>
/// <param name="limits">Limits of one request.</param>
public sealed class ImageReader(RequestLimits limits)
{
    private readonly ImageDecoder _decoder = new(limits.DecoderOptions());

    /// <summary>Decodes all images, and notes each that cannot be decoded.</summary>
    /// <param name="images">As they came.</param>
    /// <param name="maxImages">Most images of one request; with more, none is decoded.</param>
    /// <param name="field">Path of the list, e.g. <c>input.images</c>.</param>
    /// <param name="violations">Gets what is wrong; the result is then not to be used.</param>
    /// <param name="cancellationToken">Ends the work between two images.</param>
    public IReadOnlyList<RgbImage> Read(
        IReadOnlyList<Wire.Image> images, int maxImages, string field, ViolationList violations, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(violations);
        if (images.Count > maxImages)
        {
            violations.Add(field, $"at most {maxImages} images are accepted, found {images.Count}");
            return [];
        }

        var decoded = new List<RgbImage>(images.Count);
        long pixels = 0;
        for (var i = 0; i < images.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var image = _decoder.Decode(images[i].Data.Span);
                pixels += (long)image.Width * image.Height;
                decoded.Add(image);
            }
            catch (ImageException e)
            {
                violations.Add($"{field}[{i}].data", Named(images[i], e.Message));
            }

            if (pixels > limits.MaxRequestPixels)
            {
                violations.Add(field, $"the images have more than {limits.MaxRequestPixels} pixels together, the limit of one request");
                return [];
            }
        }

        return decoded;
    }

    private static string Named(Wire.Image image, string message)
    {
        const int longest = 80;
        return image.Name.Length == 0
            ? message
            : $"{(image.Name.Length <= longest ? image.Name : string.Concat(image.Name.AsSpan(0, longest), "..."))}: {message}";
    }
}
