using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>Says what a picture is, to a model that sees several of one image.</summary>
internal static class PictureCaptions
{
    /// <summary>The text in front of a picture; null for an image as it came.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="images">Images of the request: of one nobody needs its number.</param>
    public static string? Of(Wire.SentPicture picture, int images)
    {
        var (subject, area) = (images == 1 ? "the image" : $"image {picture.ImageIndex + 1}", picture.Area);
        return picture.Kind switch
        {
            Wire.PictureKind.Overview => FormattableString.Invariant($"This is {subject} of {area.Width} x {area.Height} pixels as a whole, reduced to {picture.Width} x {picture.Height}:"),
            Wire.PictureKind.Part => FormattableString.Invariant(
                $"This is a part of {subject} in full resolution, from pixel ({area.Left}, {area.Top}) to ({area.Left + area.Width}, {area.Top + area.Height}), counted from its upper left corner:"),
            _ => null,
        };
    }
}
